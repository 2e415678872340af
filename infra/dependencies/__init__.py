"""What the platform is made of: which packages and artifacts are outdated, which are held back and why, and an SBOM."""
