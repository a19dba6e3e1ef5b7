import { encodeQuorumSum } from '@ogong/chain/validators/roster';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { nobleBls as bls } from '@ogong/protocol/crypto/noble-bls';
import {
  createShareSigner,
  encodeQuorumKeyMessage,
  encodeQuorumMessage,
  type QuorumSum,
  sumShares,
} from '@ogong/protocol/settlement/quorum-sum';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** Keys for sums, their proofs, shares of one digest and their sums: `vectors/quorum-sum.json`. */
export function createSumVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const digest = fill(0xcc);
  const named = { chainId: 31_337n, roster: fill(0xaa, 20) };
  const signers = [1, 2, 3].map((seed) => createShareSigner(crypto, bls, fill(seed)));
  const shares = signers.map((one) => one.sign(encodeQuorumMessage(digest)));
  const sum = sumShares(bls, [shares[0], undefined, shares[2]]) as QuorumSum;
  return {
    digest: toHex(digest),
    message: toHex(encodeQuorumMessage(digest)),
    members: signers.map((one, i) => {
      const [account, signer] = [fill(0xb0 + i, 20), fill(0xd0 + i, 20)];
      const message = encodeQuorumKeyMessage({ ...named, account, signer, number: BigInt(i + 1), key: one.key });
      return {
        ...{
          signingSecret: toHex(fill(i + 1)),
          account: toHex(account),
          signer: toHex(signer),
          number: i + 1,
          key: toHex(one.key),
          keyMessage: toHex(message),
        },
        ...{ proof: toHex(one.sign(message)), share: toHex(shares[i] as Uint8Array) },
      };
    }),
    sum: { who: Number(sum.who), signature: toHex(sum.signature), element: encodeQuorumSum(sum).slice(2) },
  };
}
