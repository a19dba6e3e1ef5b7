import { EngineError } from '@ogong/engine/interface/engine-error';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeValues, VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { createEdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, findReplyId, type NetworkOptions, receive } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_BLOBS } from '../../provider/serving/blob-store.ts';
import type { ClosedEdge, CohortChain } from '../../shard/cohort-chain.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A provider that leads shards, and the calls of its chain. */
async function start(bend: Partial<CohortChain>, options: NetworkOptions = {}) {
  const calls: string[] = [];
  const never = new AbortController().signal;
  const chain: CohortChain = {
    open: async () => ({ agreement: new Uint8Array(), edges: 2, failed: never }),
    admit: async () => void calls.push('admit'),
    run: async () => new Float32Array(),
    drop: async () => undefined,
    async close() {
      calls.push('close');
      return [];
    },
    show: (_, { header }) => void calls.push(`show ${header.length > 0}`),
    ...bend,
  };
  const network = await createNetwork({ chain, ...options });
  closing.push(() => network.close());
  return { ...network, calls };
}

describe('a provider that leads a cohort', () => {
  it('consents to no order that a shard refuses, and gives its reason', async () => {
    const { client, order, validator, calls } = await start({
      async open() {
        throw new EngineError('engine-crashed', 'shard 0 does not agree to the order: it is busy', { retryable: true });
      },
    });
    await expect(receive(client, order())).rejects.toThrow('shard 0 does not agree to the order: it is busy');
    expect(validator.admitted).toEqual([]);
    expect(calls).toEqual([]);
  });

  it('shows the admission to its shards before it answers, ends the order once, and shows its record', async () => {
    const { client, order, validator, calls } = await start({});
    await receive(client, order());
    expect(validator.admitted).toHaveLength(1);
    expect(calls).toEqual(['admit', 'close', 'show true']);
  });

  it('signs no reply without a root of each shard', async () => {
    const { client, order, validator, calls } = await start({
      async close() {
        calls.push('close');
        return [undefined];
      },
    });
    await expect(receive(client, order())).rejects.toThrow('a shard gave no root of the rows that it sent');
    expect(validator.pushed).toEqual([]);
    expect(calls).toEqual(['admit', 'close']);
  });

  it('gives a reply up whose pass a shard has refused', async () => {
    const failure = new AbortController();
    const { client, order, validator, calls } = await start({
      open: async () => ({ agreement: new Uint8Array(), edges: 2, failed: failure.signal }),
      admit: async () => failure.abort(new EngineError('engine-crashed', 'shard 0 did not run a pass')),
    });
    await expect(receive(client, order())).rejects.toThrow('cancelled before it began');
    expect(validator.pushed).toEqual([]);
    expect(calls).toEqual(['close']);
  });

  const { embeddingSize } = createFakeEngine().info();
  const bank = createSketchBank(crypto, { bankSeed: new Uint8Array(32), directions: 8, embeddingSize });
  /** An edge of random rows, with a signature of zeros. */
  const closeEdge = (blind: Uint8Array, place: number, positions: number): ClosedEdge => {
    const rows = Float32Array.from({ length: positions * embeddingSize }, (_, i) => Math.sin(i + place));
    const hasher = createEdgeHasher(crypto, { blind, bank });
    hasher.push(rows);
    const { values } = hasher.finish();
    return {
      ...{ orderHash: new Uint8Array(32), place, positions, turns: 1 },
      ...{ root: new Uint8Array(32), input: new Uint8Array(32), signature: new Uint8Array(64) },
      ...{ values, bytes: encodeValues(rows) },
    };
  };

  /** An edge that claims more rows than a job carries. */
  const enlarge = ({ values, ...edge }: ClosedEdge): ClosedEdge => {
    const bytes = edge.positions * VALUE_BYTES * 2 ** 20;
    return { ...edge, values: { ...values, rows: { ...values.rows, bytes } } };
  };

  it('keeps the rows of listed edges for the validator, and of no other edge', async () => {
    const edges: ClosedEdge[] = [];
    let blind = new Uint8Array();
    const { client, order, connect } = await start({
      async close(_orderHash, positions) {
        if (positions === undefined || edges.length > 0) return [];
        edges.push(
          closeEdge(blind, 0, positions),
          closeEdge(blind, 1, positions + 1),
          closeEdge(blind, 2, positions),
          enlarge(closeEdge(blind, 3, positions)),
        );
        return edges;
      },
    });
    const message = order();
    const replyId = findReplyId();
    blind = Uint8Array.from(computeBlinds(crypto, { body: message.request, replyId }).answer);
    const { finished } = await receive(client, message);
    expect(parseHeader(finished.header).boundaries.map((root) => root !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    const service = client.service(ProviderService);
    const opening = parseOpening((await service.getOpening({ replyId })).opening);
    expect(opening.edges?.map(({ rows }) => rows)).toEqual([0, 2, 3].map((i) => edges[i]?.values.rows));
    const options = { crypto, maxBytes: 2 ** 30, timeoutMs: 10_000 };
    const validator = (await connect(3)).service(ProviderService);
    const read = (from: typeof service, { values }: ClosedEdge) =>
      fetchBlob(from, { replyId, blind, ref: values.rows }, options);
    for (const edge of [edges[0], edges[2]] as ClosedEdge[]) expect(await read(validator, edge)).toEqual(edge.bytes);
    for (const edge of [edges[1], edges[3]] as ClosedEdge[])
      await expect(read(validator, edge)).rejects.toMatchObject({ code: 'withheld' });
    const stranger = (await connect(5)).service(ProviderService);
    await expect(read(stranger, edges[0] as ClosedEdge)).rejects.toMatchObject({ code: 'withheld' });
  });

  it('consents to no order whose rows have no room on the disk', async () => {
    let asked: readonly number[] = [];
    const blobs = {
      ...NO_BLOBS,
      reserve(replyId: Uint8Array, sizes: readonly number[]) {
        asked = sizes;
        NO_BLOBS.reserve(replyId, sizes);
      },
    };
    const { client, order, validator, calls } = await start({}, { blobs });
    await expect(receive(client, order({ body: { max_tokens: 40 } }))).rejects.toThrow('no room for blobs');
    expect(validator.admitted).toEqual([]);
    expect(calls).toEqual(['close']);
    const [bytes] = asked as [number];
    expect(asked).toEqual([bytes, bytes]);
    expect(bytes / (embeddingSize * VALUE_BYTES)).toBeGreaterThan(39);
  });
});
