import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { openEngine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { commitEmbedding } from '@ogong/provider/modality/embedding/commit-embedding';
import { scoreEmbeddingJob } from '@ogong/provider/modality/embedding/score-embedding';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

export interface EmbeddingBench {
  readonly path: string;
  readonly name: string;
  readonly inputs: number;
  readonly words: number;
  readonly rounds: number;
}

/** The cost of an embedding, of its commitment and of its audit, measured in one run. */
export async function measureEmbeddings({ path, ...bench }: EmbeddingBench): Promise<Row[]> {
  const engine = await openEngine({ modelPath: path });
  try {
    if (engine.specificationVersion !== 'embedding-v1') throw new Error(`${path} is no embedding model`);
    return await measureWith(engine, bench);
  } finally {
    await engine.close();
  }
}

async function measureWith(
  engine: EmbeddingEngine,
  { name, inputs: count, words, rounds }: Omit<EmbeddingBench, 'path'>,
): Promise<Row[]> {
  const input = Array.from({ length: count }, (_, i) => `${i} ${'the little dog ran '.repeat(words / 4)}`);
  const body = utf8Encode(JSON.stringify({ model: 'ogong/verified/bench/m', input }));
  const request = parseEmbeddingRequest(body);
  const info = engine.info();
  const signer = createNodeHybridSigner(new Uint8Array(64).fill(7));
  const order = {
    modelRoot: info.modelRoot,
    requestHash: hashReadRequest(crypto, request, body),
    replyId: new Uint8Array(16).fill(1),
    orderHash: new Uint8Array(32).fill(5),
    payee: new Uint8Array(20).fill(2),
    choice: 0,
  };
  const beacon = { value: new Uint8Array(32).fill(3), previous: new Uint8Array(32).fill(4) };
  const commit = async () => {
    const { inputs } = await engine.embed({ inputs: request.inputs });
    return commitEmbedding(crypto, signer, { order, request, body, info, beacon, inputs, startMs: 1, endMs: 2 });
  };
  const header = parseEmbeddingHeader((await commit()).header);
  const job = { jobId: new Uint8Array(16), header, request, body, bankSeed: header.sketchBankSeed };
  const { signal } = new AbortController();
  const timed = (work: () => Promise<unknown>) => async (): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  const { alone, committed, audited } = await measureInTurn(rounds, {
    alone: timed(() => engine.embed({ inputs: request.inputs })),
    committed: timed(commit),
    audited: timed(() => scoreEmbeddingJob(job, { engine, crypto, signal })),
  });
  const note = `${name}, ${count} inputs of ${Math.round(header.promptTokenCount / count)} tokens, ${info.embeddingSize} values; median of ${rounds} pairs`;
  return [
    { id: 'embedding-alone', what: 'Embedding without a commitment', value: median(alone), unit: 'ms', note },
    {
      id: 'embedding-commitment',
      what: 'Embedding with its commitment against without',
      value: pairedRatio(committed, alone),
      unit: 'x',
      aim: { at: 'most', value: 1.1 },
      note: `${note}; sketches, tree and hybrid signature`,
    },
    {
      id: 'embedding-audit',
      what: 'Audit of an embedding against embedding it',
      value: pairedRatio(audited, alone),
      unit: 'x',
      aim: { at: 'most', value: 1.1 },
      note: `${note}; a verifier computes all of it again, and the report`,
    },
  ];
}
