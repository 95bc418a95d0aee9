"""What is done to samples between reading them and the network: `app.design.augment` says which steps there are."""
