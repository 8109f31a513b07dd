"""What is known of a run before training: the theorems of the paper, and theory in their spirit.

From small weights, gradient descent learns in stages.  Each plateau is a saddle at which the wide
network acts like a narrower one.  Its other units are dormant, so small that they see only the
residual, until one of them escapes and the loss drops to the next plateau.

- `saddles`, Theorem 1: fixed points of narrow networks are saddles of wide ones.
- `manifolds`, Theorem 3: relations among units that gradient flow preserves.
- `linear`, section 5.1: saddles of linear networks, escape from them (Theorem 4), whitened inputs.
- `quadratic`, section 5.2: escape of quadratic units (Proposition 5), and linear attention.
- `activations`: the lowest orders of an activation at zero, on which time scales depend.
- `relu`: escape of ReLU units, which first align into rays.
- `diverging_path`: escape and drop of units of degree 2 and more, one by one.
- `predictions`: the whole path of saddles, levels and times of all drops; its pieces in `waiting`.
- `wide_limit`: linear networks of infinitely many units, at any initial scale.
- `deep_linear`: deep linear networks (Jacot et al.): distances to saddles, optimal escape, drops.
- `subnetworks`: where the parametrisation itself is singular (Kohn et al.), by exact ranks.
- `finite_steps`, `stochastic`: learning rates, momentum, mini-batches and label noise.

All times are gradient-flow times of L = E|y - f|^2 / 2; eps is the scale of the initial weights.
"""
