"""What is known before training, by the division of the paper.

`saddles` (Theorem 1), `manifolds` (Theorem 3), `linear` (section 5.1, Theorem 4), `quadratic`
(section 5.2, Proposition 5, attention), `relu`, `predictions` (the path of saddles; `waiting`),
`wide_limit`, and, for training as it is done, `finite_steps` and `stochastic`.
"""
