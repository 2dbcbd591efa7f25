"""`vit-tiny`, `vit-small`, `vit-medium`: latent attention over the tokens, then an LSTM.

The sizes of the encoder follow Metta's latent_attn_tiny, _small and _med.
"""

from metta_puffer.policies.latent import EncoderSize, LatentPolicy


class VitTinyPolicy(LatentPolicy):
    """Tokens [27] -> 1 latent of 32, 2 cross layers of 4 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 161,108 parameters: 23,498 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=10, frequencies=4, latents=1, cross_layers=2, heads=4)


class VitSmallPolicy(LatentPolicy):
    """Tokens [41] -> 10 latents of 32, 1 cross and 2 self layers of 4 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 177,068 parameters: 39,458 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=8, frequencies=8, latents=10, cross_layers=1, heads=4, self_layers=2)


class VitMediumPolicy(LatentPolicy):
    """Tokens [45] -> 10 latents of 32, 3 cross and 3 self layers of 8 heads -> fc 128 -> LSTM 128.

    With 30 grid and 20 global channels and 9 actions 211,356 parameters: 73,746 encoder, 4,224 fc, 132,096 LSTM,
    1,290 heads.
    """

    size = EncoderSize(embedding_size=12, frequencies=8, latents=10, cross_layers=3, heads=8, self_layers=3)
