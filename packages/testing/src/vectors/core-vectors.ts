import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { EXP_HIGH, EXP_LOW, expFixed } from '@ogong/protocol/base/exponential';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computePromptBlind } from '@ogong/protocol/commitment/blinds';
import { computeCommitment } from '@ogong/protocol/commitment/opening';
import { encodeRecordV1, encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { computeBankSeed, createSketchBank, createSketchRow, projectHidden } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { computeInclusionProof, computeMerkleRoot, hashLeaf } from '@ogong/protocol/crypto/merkle';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { computeDrawKey, createDrawSource, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  MAX_LOG_SUM,
  NAT,
  PLAIN_SAMPLER,
  type SamplerSettings,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { encodeDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import { createHubVectors } from '../hub/hub-vectors.ts';
import { createMemoryVectors } from '../memory/memory-vectors.ts';
import { createSyntheticDivergence, SYNTHETIC_CLASS } from '../synthetic/synthetic-divergence.ts';
import { createSyntheticReply } from '../synthetic/synthetic-reply.ts';
import { createAgentChainVectors } from './agent-chain-vectors.ts';
import { createAnswerVectors } from './answer-vectors.ts';
import { createBlobVectors } from './blob-vectors.ts';
import { createBoundaryVectors } from './boundary-vectors.ts';
import { createDrawVectors } from './draw-vectors.ts';
import { createEdgeVectors } from './edge-vectors.ts';
import { createEvidenceVectors } from './evidence-vectors.ts';
import { createFolderVectors } from './folder-vectors.ts';
import { createGrammarVectors } from './grammar-vectors.ts';
import { createLaneVectors } from './lane-vectors.ts';
import { createBeaconVectors } from './ledger/beacon-vectors.ts';
import { createCohortVectors } from './ledger/cohort-vectors.ts';
import { createCosignedVectors } from './ledger/cosigned-vectors.ts';
import { createEmissionVectors } from './ledger/emission-vectors.ts';
import { createHeadVectors } from './ledger/head-vectors.ts';
import { createLaunchVectors } from './ledger/launch-vectors.ts';
import { createMintVectors } from './ledger/mint-vectors.ts';
import { createPackedVectors } from './ledger/packed-vectors.ts';
import { createSignatureVectors } from './ledger/signature-vectors.ts';
import { createSignerVectors } from './ledger/signer-vectors.ts';
import { createSumVectors } from './ledger/sum-vectors.ts';
import { createBlsVectors, createThresholdVectors } from './ledger/threshold-vectors.ts';
import { createVerdictLogVectors } from './ledger/verdict-log-vectors.ts';
import { createMatchVectors } from './match-vectors.ts';
import { createMediaVectors } from './media-vectors.ts';
import { createEmbeddingVectors } from './modality/embedding-vectors.ts';
import { createTrajectoryVectors } from './modality/trajectory-vectors.ts';
import { createNetworkVectors } from './network/network-vectors.ts';
import { createRelayVectors } from './network/relay-vectors.ts';
import { createNewcomerVectors } from './newcomer-vectors.ts';
import { createOverAdmissionVectors } from './over-admission-vectors.ts';
import { createReceiptVectors } from './receipt-vectors.ts';
import { createScheduleVectors } from './schedule-vectors.ts';
import { createSealedOfferVectors } from './sealed-offer-vectors.ts';
import { createSealingVectors } from './sealing-vectors.ts';
import { createSlabVectors } from './slab-vectors.ts';
import { createStatisticsVectors } from './statistics-vectors.ts';
import { createTailVectors } from './tail-vectors.ts';
import { createTensorReceiptVectors } from './tensor/tensor-receipt-vectors.ts';
import { createTensorVectors } from './tensor/tensor-vectors.ts';
import { createTierVectors } from './tier-vectors.ts';
import { createTilingVectors } from './tiling-vectors.ts';
import { createTimedVectors } from './timed-vectors.ts';
import { createVectorReceiptVectors } from './vector-receipt-vectors.ts';
import { createVerifierVectors } from './verifier-vectors.ts';

/**
 * Test vectors of the core formats (`vectors/*.json`), computed by this implementation from fixed seeds. Hex without
 * prefix; integers as JSON numbers; field names as in docs/spec.
 */
export async function createCoreVectors(crypto: Crypto): Promise<Readonly<Record<string, unknown>>> {
  return {
    merkle: merkleVectors(crypto),
    sampler: samplerVectors(crypto),
    'draw-key': drawKeyVectors(crypto),
    sketch: sketchVectors(crypto),
    beacon: createBeaconVectors(crypto),
    bls: createBlsVectors(crypto),
    sealing: createSealingVectors(crypto),
    'sealed-offer': createSealedOfferVectors(crypto),
    'threshold-beacon': createThresholdVectors(crypto),
    match: createMatchVectors(crypto),
    'secret-draw': createDrawVectors(crypto),
    'newcomer-work': createNewcomerVectors(),
    'timed-challenge': createTimedVectors(),
    ...createEdgeVectors(crypto),
    ...createStatisticsVectors(crypto),
    ...createVerifierVectors(crypto),
    ...createVerdictLogVectors(crypto),
    ...createEvidenceVectors(crypto),
    ...createTailVectors(),
    answer: createAnswerVectors(),
    ...createTierVectors(),
    ...createRelayVectors(),
    ...createSignatureVectors(crypto),
    ...(await createReceiptVectors(crypto)),
    'agent-chain': await createAgentChainVectors(crypto),
    signer: createSignerVectors(crypto),
    'log-head': createHeadVectors(crypto),
    'packed-entry': createPackedVectors(crypto),
    'quorum-sum': createSumVectors(crypto),
    'burn-mint': createMintVectors(crypto),
    cohort: createCohortVectors(crypto),
    launch: createLaunchVectors(),
    cosigned: createCosignedVectors(),
    emission: createEmissionVectors(crypto),
    network: createNetworkVectors(crypto),
    'over-admission': createOverAdmissionVectors(crypto),
    reply: replyVectors(crypto),
    divergence: divergenceVectors(crypto),
    embedding: createEmbeddingVectors(crypto),
    'receipt-embedding': await createVectorReceiptVectors(crypto),
    tensor: createTensorVectors(crypto),
    'receipt-tensor': await createTensorReceiptVectors(crypto),
    grammar: createGrammarVectors(crypto),
    blob: createBlobVectors(crypto),
    media: createMediaVectors(crypto),
    lanes: createLaneVectors(),
    schedule: createScheduleVectors(crypto),
    trajectory: createTrajectoryVectors(crypto),
    'model-folder': createFolderVectors(crypto),
    hub: createHubVectors(crypto),
    'memory-rows': createMemoryVectors(),
    slabs: await createSlabVectors(crypto),
    boundary: createBoundaryVectors(crypto),
    tilings: createTilingVectors(),
  };
}

function merkleVectors(crypto: Crypto): unknown {
  return [0, 1, 2, 3, 5, 8, 33].map((size) => {
    const leaves = Array.from({ length: size }, (_, i) => hashLeaf(crypto, utf8Encode(`leaf ${i}`)));
    return {
      leafData: 'UTF-8 of "leaf <index>"',
      size,
      root: toHex(computeMerkleRoot(crypto, leaves)),
      proofs: leaves.map((_, i) => computeInclusionProof(crypto, leaves, i).map(toHex)),
    };
  });
}

function tableHash(crypto: Crypto, table: Float64Array): string {
  const bytes = new Uint8Array(table.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < table.length; i++) view.setUint32(i * 4, table[i] as number);
  return toHex(crypto.sha256(bytes));
}

/** Costs of tokens under a repetition penalty: logits above, at and below 0, and the limits of every value. */
function costVectors(): unknown {
  const random = createSeededRandom(77);
  const pick = (values: readonly number[]): number => values[Math.floor(random() * values.length)] as number;
  return Array.from({ length: 40 }, () => {
    const logSum = pick([-MAX_LOG_SUM, -3 * NAT, 0, 65_537, 18 * NAT, MAX_LOG_SUM - 1]);
    const q = pick([0, 1, 70_001, 18 * NAT, 2 ** 24 - 1]);
    const biasQ16 = pick([0, 0, -100 * NAT, 12_345]);
    const count = pick([0, 0, 1, 3]);
    const [presencePenaltyQ16, frequencyPenaltyQ16] = [pick([0, NAT, -2 * NAT]), pick([0, -333])];
    const repetitionPenaltyQ16 = pick([655, 58_982, NAT, NAT + 1, 72_090, 2 * NAT]);
    const settings = { ...PLAIN_SAMPLER, presencePenaltyQ16, frequencyPenaltyQ16, repetitionPenaltyQ16 };
    const given = { q, logSum, biasQ16, count, presencePenaltyQ16, frequencyPenaltyQ16, repetitionPenaltyQ16 };
    return { ...given, cost: computeCost(q, biasQ16, count, settings, logSum) };
  });
}

function samplerVectors(crypto: Crypto): unknown {
  const random = createSeededRandom(2024);
  const weights = createWeights();
  const cases = Array.from({ length: 60 }, (_, index) => {
    const n = 1 + Math.floor(random() * 64);
    const costs = Array.from({ length: n }, () => Math.floor(random() * 7 * 65536) - 20_000).sort((a, b) => a - b);
    const ids = Array.from({ length: n }, (_unused, i) => (i * 7919 + index) % 32000);
    const tail = Math.floor(random() ** 3 * (2 ** 24 - 1));
    const settings: SamplerSettings = {
      ...PLAIN_SAMPLER,
      temperatureQ16: index % 7 === 0 ? 0 : 1 + Math.floor(random() * 160_000),
      topK: index % 3 === 0 ? Math.floor(random() * 70) : 0,
      topPQ24: index % 2 === 0 ? 1 + Math.floor(random() * 2 ** 24) : 2 ** 24,
      minPQ24: index % 5 === 0 ? Math.floor(random() * 2 ** 22) : 0,
      filterOrder: index % 4 === 0 ? ['min-p', 'top-k', 'top-p'] : ['top-k', 'top-p', 'min-p'],
    };
    computeWeights(costs, n, tail, settings, weights);
    const us = [0, 2 ** 24 - 1, Math.floor(random() * 2 ** 24), Math.floor(random() * 2 ** 24)];
    return {
      ids,
      costs,
      tail,
      settings,
      weights: Array.from(weights.byRank.subarray(0, weights.kept)),
      weightOfTail: weights.tail,
      draws: us.map((u) => ({ u, rank: drawRank(ids, weights, u) })),
    };
  });
  return {
    expTables: { high: tableHash(crypto, EXP_HIGH), low: tableHash(crypto, EXP_LOW) },
    exp: [0, 1, 4095, 4096, 65536, 123_456, 1_000_000, 2 ** 24 - 1, 2 ** 24].map((q) => ({ q, value: expFixed(q) })),
    costs: costVectors(),
    cases,
  };
}

function drawKeyVectors(crypto: Crypto): unknown {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const inputs: DrawKeyInputs[] = [
    {
      mode: 'nonce',
      nonce: fill(32, 1),
      requestHash: fill(32, 2),
      replyId: fill(16, 3),
      providerId: fill(32, 4),
      epoch: 5n,
      beacon: fill(32, 6),
    },
    { mode: 'seed', seed: -7n, requestHash: fill(32, 2), modelRoot: fill(32, 8), choice: 1 },
  ];
  return inputs.map((input) => {
    const key = computeDrawKey(crypto, input);
    const source = createDrawSource(crypto, key);
    return {
      inputs: Object.fromEntries(
        Object.entries(input).map(([name, value]) => [
          name,
          value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? value.toString() : value,
        ]),
      ),
      key: toHex(key),
      draws: [0, 1, 2, 31, 32, 1000].map((position) => ({ position, u: source.draw(position) })),
    };
  });
}

function sketchVectors(crypto: Crypto): unknown {
  return [
    { embeddingSize: 64, directions: 16, scale: 1 },
    { embeddingSize: 288, directions: 64, scale: 1e-6 },
    { embeddingSize: 96, directions: 8, scale: 0 },
    { embeddingSize: 100, directions: 256, scale: 1e6 },
  ].map(({ embeddingSize, directions, scale }, index) => {
    const random = createSeededRandom(77 + index);
    const modelRoot = new Uint8Array(32).fill(index);
    const previousBeacon = new Uint8Array(32).fill(9);
    const bankSeed = computeBankSeed(crypto, modelRoot, previousBeacon);
    const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
    const hidden = Float32Array.from({ length: embeddingSize }, () => (random() * 2 - 1) * scale);
    const row = createSketchRow(directions);
    projectHidden(bank, hidden, 0, row);
    return {
      modelRoot: toHex(modelRoot),
      previousBeacon: toHex(previousBeacon),
      bankSeed: toHex(bankSeed),
      directions,
      embeddingSize,
      hidden: toHex(floatBytes(hidden)),
      exponent: row.exponent,
      values: Array.from(row.values),
    };
  });
}

/** Tag, record hash, position, class, stage, flag. */
const EVIDENCE_HEAD = 20 + 32 + 4 + (2 + SYNTHETIC_CLASS.length) + 2 + 1;

function divergenceVectors(crypto: Crypto): unknown {
  const [provider, verifier, third] = [1, 2, 3].map((fill) => createNobleHybridSigner(new Uint8Array(64).fill(fill)));
  const signers = { provider, verifier, third } as Record<'provider' | 'verifier' | 'third', HybridSigner>;
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  return [
    { seed: 4, tokens: 40, at: 35, block: 0 },
    { seed: 5, tokens: 3, at: 0, block: 5 },
  ].map((options) => {
    const made = createSyntheticDivergence({ crypto, payer, ledger, ...signers, ...options });
    const { reply, rerun, evidence } = made;
    const { side, stage } = verifyDivergence(crypto, evidence, made);
    return {
      record: toHex(reply.recordBytes),
      blind: toHex(reply.opening.blind),
      header: toHex(reply.opening.header),
      windows: reply.opening.windows.map(({ draws, sketch }) => ({ draws: toHex(draws), sketch: toHex(sketch) })),
      rerun: rerun.map(({ draws, sketch }) => ({ draws: toHex(draws), sketch: toHex(sketch) })),
      position: made.position,
      providerTrace: toHex(evidence.provider?.report ?? new Uint8Array(0)),
      verifierTrace: toHex(evidence.verifier.report),
      thirdTrace: toHex(made.third.report),
      // ML-DSA signatures are randomised, so only the bytes before the first one are fixed.
      evidenceHead: toHex(encodeDivergence(evidence).subarray(0, EVIDENCE_HEAD)),
      side,
      stage,
    };
  });
}

/** f32, big-endian. */
function floatBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i] as number);
  return bytes;
}

/** Every signed and hashed byte string of whole replies. ML-DSA is deterministic here. */
function replyVectors(crypto: Crypto): unknown {
  const provider = createNobleHybridSigner(Uint8Array.from({ length: 64 }, (_, i) => i));
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  return [
    { seed: 1, tokens: 3, parameters: {} },
    { seed: 2, tokens: 40, parameters: { temperature: 0.8, top_p: 0.9, frequency_penalty: 0.5, seed: 11 } },
    { seed: 3, tokens: 33, parameters: { temperature: 1.5, logit_bias: { 7: 2.5 }, stop: ['END'] } },
    { seed: 4, tokens: 40, parameters: { temperature: 0.7, repetition_penalty: 1.2, presence_penalty: 0.3 } },
    { seed: 5, tokens: 40, parameters: { top_k: 40, repeat_penalty: 0.8, repeat_last_n: 12 } },
  ].map((options) => {
    const reply = createSyntheticReply({ crypto, provider, payer, ledger, ...options });
    return {
      ledger: { chainId: 31337, escrow: toHex(ledger.verifyingContract) },
      request: toHex(reply.request),
      response: toHex(reply.response),
      order: toHex(reply.orderBytes),
      promptBlind: toHex(computePromptBlind(crypto, reply.request)),
      blind: toHex(reply.opening.blind),
      header: toHex(reply.opening.header),
      outputTokens: reply.outputTokens,
      outputTokensHash: toHex(hashTokens(crypto, reply.opening.blind, reply.outputTokens)),
      windows: reply.opening.windows.map(({ draws, sketch }) => ({ draws: toHex(draws), sketch: toHex(sketch) })),
      commitRoot: toHex(computeCommitment(crypto, reply.opening).root),
      recordV1: toHex(encodeRecordV1(reply.record)),
      recordV2: toHex(reply.recordBytes),
      milestone: toHex(encodeRecordV2({ ...reply.record, isMilestone: true })),
      opening: toHex(crypto.sha256(reply.openingBytes)),
    };
  });
}
