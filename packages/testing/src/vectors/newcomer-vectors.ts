import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeNewcomerWork, hashNewcomerWork, searchNewcomerWork } from '@ogong/protocol/exchange/newcomer-work';

/** Work of keys without stake. */
export function createNewcomerVectors(): unknown {
  const works = [
    { fill: 0, epoch: 0n, bits: 0, from: 7n },
    { fill: 1, epoch: 1n, bits: 8, from: 0n },
    { fill: 2, epoch: 123_456_789n, bits: 12, from: 2n ** 40n },
    { fill: 3, epoch: 2n ** 63n, bits: 10, from: 2n ** 63n },
  ].map(({ fill, epoch, bits, from }) => {
    const [settlement, providerId, beacon] = [20, 32, 32].map((length, i) => new Uint8Array(length).fill(fill + i));
    const subject = { chainId: 31_337n, settlement, providerId, epoch, beacon } as Parameters<
      typeof hashNewcomerWork
    >[1];
    const nonce = searchNewcomerWork(crypto, subject, { bits, from, tries: 100_000 }) as bigint;
    return {
      ...{ chainId: '31337', settlement: toHex(subject.settlement), providerId: toHex(subject.providerId) },
      ...{ epoch: `${epoch}`, beacon: toHex(subject.beacon), bits, from: `${from}`, nonce: `${nonce}` },
      ...{ hash: toHex(hashNewcomerWork(crypto, subject, nonce)), bytes: toHex(encodeNewcomerWork({ epoch, nonce })) },
    };
  });
  return { works };
}
