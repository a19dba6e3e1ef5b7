import { bytesToHex } from '@ogong/chain/hex';
import { createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { describe } from 'vitest';
import { fakeBls } from '../protocol/fake-bls.ts';
import { BEACON_PERIOD_S, testBeaconKeys } from './beacon-keys-compliance.ts';
import { createFakeBeaconKeys } from './fake-beacon-keys.ts';

describe('fake keys of the threshold beacon', () => {
  testBeaconKeys(async () => {
    const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(9) };
    const signers = [1, 2, 3].map((byte) => createNobleLedgerSigner(new Uint8Array(32).fill(byte)));
    const clock = { seconds: 20_000 };
    const primitives = { crypto: nobleCrypto, bls: fakeBls };
    const keys = createFakeBeaconKeys({
      ...{ network, ...primitives, periodSeconds: BEACON_PERIOD_S, nowSeconds: () => clock.seconds },
      voters: () => signers.map(({ address }) => ({ account: address, signingKey: address, votes: 100n })),
    });
    return {
      ...{ network, ...primitives, stranger: keys.connect(`0x${'77'.repeat(20)}`) },
      validators: signers.map((signer) => ({ client: keys.connect(bytesToHex(signer.address)), signer })),
      async pass(seconds) {
        clock.seconds += seconds;
      },
    };
  });
});
