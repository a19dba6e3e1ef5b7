import { toHex } from '@ogong/protocol/base/bytes';
import { encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { findTilings, type SegmentOffer } from '@ogong/protocol/exchange/cohort/tiling';

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const SHARED = {
  ...{ modelId: 'ogong/verified/tinystories/stories260k', modelRoot: fill(5), manifestHash: fill(6), totalLayers: 60 },
  ...{ contextSize: 2048, numericClass: 'llama.cpp-b1/cpu/haswell/reference/q8_0', capacity: 4, freeCapacity: 3 },
};
const makeOffer = (
  n: number,
  part: Pick<OfferedSegment, 'firstLayer' | 'layers' | 'pricePer1kAtomic' | 'uplinkMbit'>,
) => ({
  ...{ providerId: fill(n), payee: fill(n, 20), segment: { ...SHARED, ...part } },
});

/** Offers that tile a model in several ways, and the announcement of the cheapest tiling. Field n of an id is the byte n. */
export function createTilingVectors(): unknown {
  const own = makeOffer(9, { firstLayer: 40, layers: 20, pricePer1kAtomic: 10n, uplinkMbit: 100 });
  const offers: readonly SegmentOffer[] = [
    makeOffer(1, { firstLayer: 0, layers: 20, pricePer1kAtomic: 10n, uplinkMbit: 100 }),
    makeOffer(2, { firstLayer: 20, layers: 20, pricePer1kAtomic: 10n, uplinkMbit: 50 }),
    makeOffer(3, { firstLayer: 20, layers: 20, pricePer1kAtomic: 1n, uplinkMbit: 10 }),
    makeOffer(4, { firstLayer: 0, layers: 40, pricePer1kAtomic: 30n, uplinkMbit: 1000 }),
  ];
  const weights = { atomicPerDelayUs: 2n, atomicPerTransferUs: 1n };
  const query = { ...weights, promptRows: 4, width: 8, contextSize: 1024 };
  const found = findTilings({ ...query, own, offers, delayUs: (from, to) => (from[0] as number) + (to[0] as number) });
  if ('problem' in found) throw new Error(found.problem);
  const [{ members, pricePer1kAtomic }] = found.tilings;
  const { manifestHash, totalLayers: _total, ...model } = SHARED;
  const cohort = {
    manifestHash,
    members: members.map(({ providerId, segment: { firstLayer, layers, pricePer1kAtomic: part } }) => ({
      ...{ providerId, firstLayer, layers, pricePer1kAtomic: part },
    })),
  };
  const announcement = encodeAnnouncement({
    ...{ providerId: own.providerId, payee: own.payee, endpoint: '127.0.0.1:4540', certHash: fill(2) },
    ...{ verifier: undefined, models: [{ ...model, modality: 'text', pricePer1kAtomic, cohort }] },
    ...{ segments: [own.segment], sequence: 7n, issuedAtMs: 1_700_000_000_000, expiresAtMs: 1_700_000_060_000 },
  });
  return {
    note: 'each byte of an id is its number; the delay from a to b is a + b microseconds',
    offers: [...offers, own].map(
      ({ providerId, segment: { firstLayer, layers, pricePer1kAtomic: price, uplinkMbit } }) => ({
        ...{ provider: providerId[0], firstLayer, layers, price: price.toString(), uplinkMbit },
      }),
    ),
    query: { atomicPerDelayUs: '2', atomicPerTransferUs: '1', promptRows: query.promptRows, width: query.width },
    tilings: found.tilings.map((tiling) => ({
      members: tiling.members.map(({ providerId }) => providerId[0]),
      price: tiling.pricePer1kAtomic.toString(),
      cost: tiling.costAtomic.toString(),
    })),
    announcement: toHex(announcement),
  };
}
