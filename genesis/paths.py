"""Where keys come from in a mnemonic's tree (BIP-32, BIP-44).

Any wallet that takes a BIP-39 mnemonic finds the participants of the market under the first path; the
nodes' sealing keys are on a branch of their own, because they play no part in the market.
"""

PARTICIPANT_PATH = "m/44'/60'/0'/0/{}"
SEALER_PATH = "m/44'/60'/1'/0/{}"
