"""How arms are told apart in every picture: by colour and by dashes, so that neither the colour-blind nor print loses
one."""

from dataclasses import dataclass

# Okabe and Ito's palette.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
# In widths of the line as matplotlib takes them: solid, dashed, dotted, dashed and dotted.
DASHES: tuple[tuple[float, ...], ...] = ((), (3, 1.7), (1, 1.3), (4, 1.3, 1, 1.3))
LINE_WIDTH = 3  # of a page's lines, in pixels


@dataclass(frozen=True)
class ArmStyle:
    colour: str
    dashes: tuple[float, ...]

    @property
    def dash_array(self) -> str:
        """As SVG takes it, for a line of LINE_WIDTH."""
        return " ".join(f"{LINE_WIDTH * length:g}" for length in self.dashes)


def arm_style(index: int) -> ArmStyle:
    """Of the arm at `index`: beyond four the colours come again, with other dashes."""
    round_, colour = divmod(index, len(COLOURS))
    return ArmStyle(COLOURS[colour], DASHES[(colour + round_) % len(DASHES)])
