"""Coefficients of the methods of Runge and Kutta that the kernels step by."""

from __future__ import annotations

import numpy as np
from scipy.integrate import RK45

# Weights of the stages ks[0], ..., ks[6]: of points and of the error of Dormand and Prince, and
# of the points s between two steps, in powers of s.
DP_A, DP_E, DP_P = np.zeros((7, 7)), RK45.E, np.ascontiguousarray(RK45.P.T)
DP_A[:6, :5], DP_A[6, :6] = RK45.A, RK45.B
GAMMA = 0.25  # RODAS, in the variables that need no product with the Jacobian: ks[1], ..., ks[5]
RODAS_A, RODAS_C, RODAS_D = np.zeros((6, 7)), np.zeros((6, 7)), np.zeros((2, 7))
RODAS_A[1:, 1:6] = [
    [1.544, 0, 0, 0, 0],
    [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
    [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 0],
    [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 1],
]
RODAS_C[1:, 1:6] = [
    [-5.6688, 0, 0, 0, 0],
    [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
     -6.058818238834054],
]  # fmt: skip
RODAS_D[:, 1:6] = [
    [10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823,
     1.025137723295662],
    [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386,
     -6.594389125716872],
]  # fmt: skip
