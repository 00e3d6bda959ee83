"""Two-way transformer between prompt tokens and the image (paper §4 "mask decoder")."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sam2.model.layers import MLP, Attention


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and to the image, then the image attends to the tokens.

    Parameters
    ----------
    width, heads, mlp_dim : int
        Channels, attention heads and hidden channels.
    is_first : bool
        The first block's self-attention has no position and replaces the tokens.
    """

    def __init__(self, width: int, heads: int, mlp_dim: int, *, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = Attention(width, heads, width)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, width // 2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_dim, width)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, width // 2)

    def forward(
        self, tokens: Tensor, image: Tensor, token_code: Tensor, image_code: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.is_first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_code
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        placed_image = image + image_code
        tokens = tokens + self.cross_attn_token_to_image(tokens + token_code, placed_image, image)
        tokens = self.norm2(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = image + self.cross_attn_image_to_token(placed_image, tokens + token_code, tokens)
        return tokens, self.norm4(image)


class TwoWayTransformer(nn.Module):
    """Two blocks and a last look of the tokens at the image."""

    def __init__(self, width: int, heads: int, mlp_dim: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(width, heads, mlp_dim, is_first=index == 0) for index in range(depth)
        )
        self.final_attn_token_to_image = Attention(width, heads, width // 2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, image: Tensor, image_code: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Attend both ways.

        Parameters
        ----------
        image, image_code : Tensor
            (B, H*W, C) features and their position code.
        tokens : Tensor
            (B, P, C), their own position code.

        Returns
        -------
        tokens, image : Tensor
            As they came in.
        """
        token_code = tokens
        for block in self.layers:
            tokens, image = block(tokens, image, token_code, image_code)
        seen = self.final_attn_token_to_image(tokens + token_code, image + image_code, image)
        return self.norm_final_attn(tokens + seen), image
