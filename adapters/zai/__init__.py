"""Z.ai and Zhipu BigModel: the GLM models."""
