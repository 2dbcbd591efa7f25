"""Short quotations of the documents whose numbers no claim writes in the same way: (document, quotation, claim)."""

QUOTED: tuple[tuple[str, str, str], ...] = (
    ("training-pipeline", "= 253 MB", "observation buffer, bytes (11 x 11 floats a step)"),
    ("training-pipeline", "9 stages of transformation", "nine stages of an iteration"),
    ("experience-buffer", "[0, 1, 2, ..., 255]", "rows of the first minibatch"),
    ("experience-buffer", "~50-100 MB", "one minibatch while it is processed (50-100 MB)"),
)
