"""The formulas and statements of the lecture, numbered in its order; claims refer to them by number."""

from __future__ import annotations

__all__ = ["FORMULAS"]

FORMULAS = {
    "1": r"$Z^k_{ij} = \gamma^k (Y^k_{ij} - \mu^k)/\sqrt{\sigma^{2,k} + \varepsilon} + \beta^k$",
    "2": r"$Z^k_{ij} = G^k Y^k_{ij} + g^k$ with $G^k = \gamma^k/\sqrt{\sigma^{2,k} + \varepsilon}$, "
    r"$g^k = \beta^k - \gamma^k\mu^k/\sqrt{\sigma^{2,k} + \varepsilon}$",
    "3": "batch normalisation is a depthwise convolution with a 1×1 kernel",
    "4": "a composition of convolutions is a convolution",
    "5": r"$Y^k_{ij} = \sum_{m}\sum_{u,v} X^m_{i+u-1,j+v-1}\, F^{mk}_{uv} + b^k$",
    "6": r"kernel of the merged convolution: $O^{mk}_{uv} = F^{mk}_{uv}\,\gamma^k/\sqrt{\sigma^{2,k} + \varepsilon}$",
    "7": r"its offset: $o^k = b^k + \beta^k - \gamma^k\mu^k/\sqrt{\sigma^{2,k} + \varepsilon}$ (wrong)",
    "8": "max pooling is not a convolution, because a maximum is not linear",
    "9": "average pooling is a convolution",
    "10": r"$\mathrm{GAP2D}(X) = \frac{1}{HW}\sum_{ij} X_{ij}$ is the convolution with "
    r"$F_{\mathrm{GAP}} = \frac{1}{HW} 1_{H\times W}$, unpadded",
    "11": r"$\sigma(x) = 1/(1 + \exp(-x))$",
    "12": r"$\tanh(x) = 2\sigma(2x) - 1$",
    "13": r"$\mathrm{ReLU}(x) = \max(0, x)$",
    "14": r"$\sigma$ is not centred at zero; $\tanh$ is",
    "15": r"$\sigma'(x) = \sigma(x)(1 - \sigma(x))$",
    "16": r"gradients vanish: for large $\lvert x\rvert$ the derivatives of $\sigma$ and of $\tanh$ tend to zero",
    "17": r"the derivative of ReLU is 0 for negative $x$ and 1 for positive $x$",
}
