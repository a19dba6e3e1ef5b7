import {
  type AuditDraw,
  assignVerifier,
  HONEYPOT_PPM,
  hasHoneypot,
  isPaired,
  PAIR_PPM,
} from '@ogong/protocol/audit/audit';
import { computeClassWeights } from '@ogong/protocol/audit/verifier-weights';
import { drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { hashAdmission } from '@ogong/protocol/exchange/admission';
import { hashComplaint, signComplaint } from '@ogong/protocol/exchange/complaint';
import { hashDelivery, signDelivery } from '@ogong/protocol/exchange/delivery';
import { END_CODES, encodeEnd, hashEnd } from '@ogong/protocol/exchange/ending/order-end';
import { countCutShort, countWhole } from '@ogong/protocol/exchange/fee';
import { hashHeld } from '@ogong/protocol/exchange/held-delivery';
import { hashIntake } from '@ogong/protocol/exchange/intake-receipt';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { encodeConsent } from '@ogong/protocol/exchange/order-consent';
import { hashBeginning, hashProgress, type Progress, signProgress } from '@ogong/protocol/exchange/progress';
import { hashJobRound, hashReveal } from '@ogong/protocol/exchange/round-signature';
import { ASKED, hashAskedJob, hashAskedReport, hashSilence } from '@ogong/protocol/exchange/silence';
import { keepByStake } from '@ogong/protocol/exchange/stake-weights';
import { encodeEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import type { CommonRequest, Modality } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
  type ScoreInputs,
} from '@ogong/protocol/modality/shared/score-commitment';
import { encodeHeader } from '@ogong/protocol/modality/text/commitment/header';
import { plantText } from '@ogong/protocol/modality/text/honeypot-check';
import { WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import { encodeTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { redactHeader } from '@ogong/protocol/modality/text/stage2/redact-header';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  type ScoreReport,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim, parseTextClaim, type TextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { computePlantSeed } from '@ogong/protocol/verdict/honeypot/honeypot';
import {
  computeHoneypotId,
  computeHoneypotInput,
  toHoneypotNonce,
} from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import { computeBilledFee } from '@ogong/protocol/verdict/reply-fee';
import { createSyntheticEmbedding } from '../synthetic/synthetic-embedding.ts';
import { createSyntheticReply, type SyntheticReply } from '../synthetic/synthetic-reply.ts';
import { createWidthTable } from '../synthetic/synthetic-widths.ts';

/** Vectors of the verifiers' signatures and of their draw in rounds: `vectors/verifier.json`. */
export function createVerifierVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  return {
    verifier: {
      commitments: commitmentVectors(crypto),
      header: headerVector(crypto),
      inputs: inputVectors(crypto),
      tailDraws: tailDrawVectors(),
      reports: reportVectors(crypto),
      draws: drawVectors(crypto),
      weights: weightVectors(),
      stakes: stakeVectors(crypto),
      endorsement: endorsementVector(crypto),
      consent: consentVector(crypto),
      ends: endVectors(crypto),
      intake: intakeVector(crypto),
      admission: admissionVector(crypto),
      delivery: deliveryVector(crypto),
      held: heldVector(crypto),
      progress: progressVector(crypto),
      complaint: complaintVector(crypto),
      silence: silenceVector(crypto),
      witnesses: witnessVectors(crypto),
    },
  };
}

function commitmentVectors(crypto: Crypto): unknown {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const other = fill(32, 0xee);
  return [1, 2].map((number) => {
    const signer = createNobleHybridSigner(Uint8Array.from({ length: 64 }, (_, i) => i + number));
    const keyHash = hashHybridKey(crypto, signer.publicKey);
    const [jobId, salt, reportHash] = [fill(16, number), fill(32, 0x5a), crypto.sha256(utf8Encode(`report ${number}`))];
    const inputsHash = crypto.sha256(utf8Encode(`inputs ${number}`));
    const digest = computeScoreDigest(crypto, { jobId, salt, reportHash, keyHash, inputsHash });
    const round = number === 1 ? [digest] : [other, digest];
    return {
      keyHash: toHex(keyHash),
      jobId: toHex(jobId),
      inputsHash: toHex(inputsHash),
      salt: toHex(salt),
      reportHash: toHex(reportHash),
      digest: toHex(digest),
      round: round.map(toHex),
      commitment: toHex(encodeScoreCommitment({ jobId, digest })),
      opening: toHex(encodeScoreOpening({ jobId, salt, reportHash, round })),
    };
  });
}

function createReply(crypto: Crypto): SyntheticReply {
  const provider = createNobleHybridSigner(Uint8Array.from({ length: 64 }, (_, i) => i));
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  return createSyntheticReply({ crypto, provider, payer, ledger, seed: 4, tokens: 3 });
}

function headerVector(crypto: Crypto): unknown {
  const { header } = createReply(crypto);
  return { header: toHex(encodeHeader(header)), redacted: toHex(encodeHeader(redactHeader(header))) };
}

function inputVectors(crypto: Crypto): unknown {
  const { header, opening, record, request, outputTokens } = createReply(crypto);
  const requestHash = hashRequest(crypto, 'chat', request);
  const { modelRoot } = record;
  const text = {
    blind: opening.blind,
    outputTokens: new Uint8Array(Uint32Array.from(outputTokens).buffer),
    listSizes: new Uint8Array(outputTokens.length).fill(20),
  };
  const full = {
    ...text,
    shapeClasses: Uint8Array.from(outputTokens, (_, i) => 1 + (i % 2)),
    tailDraws: encodeTailDraws(new Map([[1, 7]])),
  };
  const ofText = {
    requestHash,
    modelRoot,
    header: encodeHeader(redactHeader(header)),
    sketchBankSeed: header.sketchBankSeed,
  };
  const embedding = createSyntheticEmbedding({ crypto }).header;
  const cases: readonly ScoreInputs[] = [
    { ...ofText, endpoint: 'chat', ...toClaim(text) },
    { ...ofText, endpoint: 'completion', ...toClaim(full) },
    {
      ...{ requestHash, modelRoot, endpoint: 'embedding', header: encodeEmbeddingHeader(embedding) },
      sketchBankSeed: embedding.sketchBankSeed,
      modality: 'embedding',
      claim: new Uint8Array(0),
    },
  ];
  return cases.map(({ endpoint, modality, ...bytes }) => ({
    endpoint,
    modality,
    ...toHexes(bytes),
    ...(modality === 'text' && { shown: toHexes(parseTextClaim(bytes.claim)) }),
    hash: toHex(hashScoreInputs(crypto, { ...bytes, endpoint, modality })),
  }));
}

const toClaim = (shown: TextClaim) => ({ modality: 'text', claim: encodeTextClaim(shown) });

const toHexes = (fields: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, toHex(value as Uint8Array)]),
  );

function tailDrawVectors(): unknown {
  const largest = WEIGHT_ONE - 1;
  const cases = [
    [],
    [[0, 1]],
    [[2, largest]],
    [
      [0, 0x123456],
      [1, 7],
      [2, largest],
    ],
  ] as [number, number][][];
  return cases.map((draws) => ({ positions: 3, draws, bytes: toHex(encodeTailDraws(new Map(draws))) }));
}

/** A report without differences, and one with another choice and a tail gap. */
function reportVectors(crypto: Crypto): unknown {
  const { header, record, opening } = createReply(crypto);
  const choices: Pick<ScoreReport, 'firstOtherChoice' | 'tailGap'>[] = [
    { firstOtherChoice: NO_OTHER_CHOICE, tailGap: NO_TAIL_GAP },
    { firstOtherChoice: 2, tailGap: { gap: 0x123456, position: 1 } },
  ];
  return choices.map(({ firstOtherChoice, tailGap }) => ({
    firstOtherChoice,
    tailGap,
    report: toHex(
      encodeScoreReport({
        jobId: new Uint8Array(16).fill(9),
        modelRoot: record.modelRoot,
        numericClass: header.numericClass,
        exact: true,
        promptTokensHash: header.promptTokensHash,
        promptTokenCount: header.promptTokenCount,
        vocabularyHash: header.vocabularyHash,
        responseHash: record.responseHash,
        firstStopToken: NO_STOP_TOKEN,
        firstOtherChoice,
        tailGap,
        contextSize: 256,
        pictureDistance: 0,
        elapsedMs: 12,
        windows: opening.windows,
        edges: [],
      }),
    ),
  }));
}

/** Five positions. The second token may replace the first, and the other way round; the last was drawn from the tail. */
const PLANT_ROWS = [
  { ids: [7, 8], rank: 0 },
  { ids: [7, 9], rank: 0 },
  { ids: [8, 7], rank: 0 },
  { ids: [9, 8], rank: 0 },
  { ids: [7, 8], rank: 1 },
].map(({ ids, rank }) => ({ ids: Uint32Array.from(ids), q: Uint32Array.from([WEIGHT_ONE, 1]), tail: 0, rank }));

/** @param seed of the handling validator's VRF key. */
function describePlant(crypto: Crypto, draw: AuditDraw, seed: Uint8Array) {
  const input = computeHoneypotInput(crypto, draw);
  const [vrfKey, proof] = [computeVrfPublicKey(seed), proveVrf(seed, input)];
  const nonce = toHoneypotNonce(crypto.verifyVrf(vrfKey, input, proof) as Uint8Array);
  const { outputTokens, position } = plantText(crypto, { rows: PLANT_ROWS }, computePlantSeed(crypto, draw, nonce));
  return {
    input: toHex(input),
    vrfKey: toHex(vrfKey),
    proof: toHex(proof),
    nonce: toHex(nonce),
    rows: PLANT_ROWS.map(({ ids, rank }) => ({ ids: [...ids], rank })),
    outputTokens,
    position: position ?? null,
  };
}

function drawVectors(crypto: Crypto): unknown {
  const id = (name: string): Uint8Array => crypto.sha256(utf8Encode(name));
  const modelRoot = id('model');
  const candidates = Array.from({ length: 6 }, (_, i) => ({
    providerId: id(`provider ${i}`),
    payee: id(`payee ${i}`).slice(0, 20),
    operator: id(`operator ${i >> 1}`),
    numericClass: i % 2 === 0 ? 'even' : 'odd',
    weight: BigInt(1 + i * i),
    modelRoot,
  }));
  const server = { providerId: id('provider 0'), payee: id('payee 0').slice(0, 20) };
  const cases = Array.from({ length: 12 }, (_, number) => {
    const draw: AuditDraw = {
      replyId: id(`reply ${number}`).slice(0, 16),
      orderEpoch: 1n,
      beaconEpoch: 5n,
      beacon: id(`beacon ${number}`),
    };
    const tried = number % 3 === 0 ? [] : [candidates[1]!.providerId];
    const heard = number % 3 === 2 ? [candidates[1]!.operator] : [];
    const preferClass = number % 2 === 0 ? 'even' : undefined;
    const drawn = assignVerifier(crypto, { draw, modelRoot, server, candidates, tried, heard, preferClass });
    return {
      replyId: toHex(draw.replyId),
      beacon: toHex(draw.beacon),
      paired: [PAIR_PPM, 500_000].map((ppm) => ({ ppm, paired: isPaired(crypto, draw, ppm) })),
      honeypot: {
        id: toHex(computeHoneypotId(crypto, draw.replyId)),
        drawn: [HONEYPOT_PPM, 500_000].map((ppm) => ({ ppm, honeypot: hasHoneypot(crypto, draw, ppm) })),
        ...describePlant(crypto, draw, id('vrf')),
      },
      tried: tried.map(toHex),
      heard: heard.map(toHex),
      preferClass: preferClass ?? null,
      drawn: drawn ? toHex(drawn.providerId) : null,
    };
  });
  return {
    server: { providerId: toHex(server.providerId), payee: toHex(server.payee) },
    candidates: candidates.map(({ providerId, payee, operator, numericClass, weight }) => ({
      providerId: toHex(providerId),
      payee: toHex(payee),
      operator: toHex(operator),
      numericClass,
      weight: Number(weight),
    })),
    cases,
  };
}

const EXACT_CLASS = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';

function weightVectors(): unknown {
  const modelRoot = new Uint8Array(32).fill(0x15);
  const rows = [
    ['tight', 'tight', -7],
    ['loose', 'sharp', -5],
    ['loose', 'near', -4.5],
    ['loose', 'far', -3.7],
    ['loose', 'loose', -3],
    ['family', 'blunt', -2],
    [EXACT_CLASS, 'sharp', -6],
  ].map(([providerClass, verifierClass, median]) => ({
    providerClass: providerClass as string,
    verifierClass: verifierClass as string,
    modelRoot,
    band: 3,
    median: median as number,
  }));
  const families = [{ numericClass: 'member', family: 'family' }];
  const verifiers = ['sharp', 'near', 'far', 'loose', 'blunt', 'tight', EXACT_CLASS, 'unknown'];
  const table = createWidthTable(rows, families);
  return {
    families,
    rows: rows.map(({ modelRoot: root, ...row }) => ({ modelRoot: toHex(root), ...row })),
    verifiers,
    cases: [modelRoot, new Uint8Array(32).fill(0x16)].flatMap((root) =>
      ['tight', 'loose', 'member', EXACT_CLASS, 'unknown'].flatMap((providerClass) =>
        [100, 300].map((positions) => ({
          modelRoot: toHex(root),
          providerClass,
          positions,
          context: positions + 20,
          factors: computeClassWeights(
            table,
            { modelRoot: root, providerClass, positions, context: positions + 20 },
            verifiers,
          ).map(Number),
        })),
      ),
    ),
  };
}

function intakeVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const [validator, orderHash, recordHash] = [0x22, 0x33, 0x44].map((value, i) =>
    new Uint8Array(i === 0 ? 20 : 32).fill(value),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const digest = hashIntake(crypto, ledger, { validator, orderHash, recordHash, epoch: 9n });
  const named = { validator: toHex(validator), orderHash: toHex(orderHash), recordHash: toHex(recordHash) };
  return { chainId: 31337, escrow: toHex(ledger.verifyingContract), ...named, epoch: 9, digest: toHex(digest) };
}

function silenceVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const parties = { witness: fill(20, 0x21), validator: fill(20, 0x22), orderHash: fill(32, 0x33) };
  const about = { ...parties, target: fill(32, 0x44), subject: fill(32, 0x55) };
  const told = { isRefused: true, epoch: 9n, timeMs: 1_750_000_000_000 };
  const digest = hashSilence(crypto, ledger, { ...about, ...told, asked: 'opening' });
  return {
    ...{ chainId: 31337, escrow: toHex(ledger.verifyingContract), ...toHexes(about) },
    ...{ asked: 1, refused: 1, epoch: 9, time: told.timeMs, digest: toHex(digest) },
    job: askedJobVector(crypto),
    report: askedReportVector(crypto, ledger, parties.validator),
  };
}

/** The question to a verifier that has committed, and the validator's signature of the round. */
function askedReportVector(crypto: Crypto, ledger: LedgerDomain, validator: Uint8Array): unknown {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const jobId = fill(16, 0x61);
  const digests = [fill(32, 0x71), fill(32, 0x72)];
  const round = hashJobRound(crypto, { jobId, round: digests });
  const job = hashAskedJob(crypto, { jobId, keyHash: fill(32, 0x62), inputsHash: fill(32, 0x63) });
  return {
    digests: digests.map(toHex),
    ...toHexes({ round, subject: hashAskedReport(crypto, { job, round }) }),
    wordDigest: toHex(hashReveal(crypto, ledger, { validator, round })),
  };
}

/** The question to a verifier. */
function askedJobVector(crypto: Crypto): unknown {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const job = { jobId: fill(16, 0x61), keyHash: fill(32, 0x62), inputsHash: fill(32, 0x63) };
  return { ...toHexes(job), subject: toHex(hashAskedJob(crypto, job)) };
}

/** Places of one set's members in draws, by their index in it. */
function witnessVectors(crypto: Crypto): unknown {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const members = [500n, 100n, 0n, 100n, 10n ** 24n, 100n, 300n, 100n, 100n, 100n, 100n, 100n].map((stake, i) => ({
    address: fill(20, 0x10 + i),
    stake,
  }));
  const [beacon, replyId, target, validator] = [fill(32, 1), fill(16, 2), fill(32, 3), fill(20, 0x10)];
  const draws = ASKED.map((asked) => {
    const drawn = drawWitnesses(crypto, { beacon, replyId, asked, target, validator }, members);
    return { asked, drawn: drawn.map((one) => members.indexOf(one)) };
  });
  return {
    members: members.map(({ address, stake }) => ({ address: toHex(address), stake: stake.toString() })),
    ...toHexes({ beacon, replyId, target, validator }),
    draws,
  };
}

function admissionVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const [validator, orderHash] = [new Uint8Array(20).fill(0x22), new Uint8Array(32).fill(0x33)];
  const digest = hashAdmission(crypto, ledger, { validator, orderHash, epoch: 9n, timeMs: 1_700_000_000_000n });
  const named = { validator: toHex(validator), orderHash: toHex(orderHash), epoch: 9, time: 1_700_000_000_000 };
  return { chainId: 31337, escrow: toHex(ledger.verifyingContract), ...named, digest: toHex(digest) };
}

function deliveryVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const [orderHash, recordHash] = [0x33, 0x44].map((value) => new Uint8Array(32).fill(value)) as [
    Uint8Array,
    Uint8Array,
  ];
  const fields = { orderHash, recordHash, promptTokenCount: 12, outputTokenCount: 345, epoch: 9n };
  const { delivery, signature } = signDelivery(crypto, payer, { ledger, ...fields });
  return {
    ...{ chainId: 31337, escrow: toHex(ledger.verifyingContract), payer: toHex(payer.address) },
    ...{ orderHash: toHex(orderHash), recordHash: toHex(recordHash), promptTokens: 12, outputTokens: 345, epoch: 9 },
    ...{ delivery: toHex(delivery), digest: toHex(hashDelivery(crypto, ledger, fields)), signature: toHex(signature) },
  };
}

function heldVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const held = { validator: new Uint8Array(20).fill(0x22), delivery: new Uint8Array(32).fill(0x33) };
  const digest = hashHeld(crypto, ledger, held);
  return { chainId: 31337, escrow: toHex(ledger.verifyingContract), ...toHexes(held), digest: toHex(digest) };
}

function complaintVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const orderHash = new Uint8Array(32).fill(0x33);
  const record = utf8Encode('a record');
  const openingHash = crypto.sha256(utf8Encode('an opening'));
  const whole = { ledger, orderHash, reason: 'draw-replay', record, openingHash };
  const bare = { ledger, orderHash, reason: 'abandoned', record: undefined, openingHash: undefined };
  return {
    ...{ chainId: 31337, escrow: toHex(ledger.verifyingContract), payer: toHex(payer.address) },
    ...{ orderHash: toHex(orderHash), record: toHex(record), openingHash: toHex(openingHash), reason: 'draw-replay' },
    ...{ digest: toHex(hashComplaint(crypto, ledger, whole)), signature: toHex(signComplaint(crypto, payer, whole)) },
    bare: { reason: 'abandoned', digest: toHex(hashComplaint(crypto, ledger, bare)) },
  };
}

function progressVector(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const response = 'Once upon a time';
  const orderHash = new Uint8Array(32).fill(0x33);
  const blind = new Uint8Array(32).fill(0x44);
  const textHash = hashBeginning(crypto, blind, utf8Encode(response).subarray(0, 4));
  const fields = { orderHash, textBytes: 4, textHash, hasLeft: true };
  const { progress, signature } = signProgress(crypto, payer, { ledger, ...fields });
  const bill = (what: string, responseBytes: number, word?: { readonly textBytes: number; readonly left: boolean }) => {
    const { promptTokenCount: promptTokens, outputTokenCount: outputTokens } = countCutShort(
      { promptTokenCount: 12, outputTokenCount: 400 },
      responseBytes,
      word && { textBytes: word.textBytes, hasLeft: word.left },
    );
    return { what, responseBytes, ...word, promptTokens, outputTokens };
  };
  const billWhole = (what: string, responseBytes: number, textBytes?: number) => {
    const counts = { promptTokenCount: 12, outputTokenCount: 400 };
    const word = textBytes === undefined ? undefined : { textBytes };
    const { promptTokenCount: promptTokens, outputTokenCount: outputTokens } = countWhole(counts, responseBytes, word);
    return { what, responseBytes, ...word, promptTokens, outputTokens };
  };
  /**
   * The bills of replies with 12 and 400 tokens and 1,600 bytes whose payers need not accept them, at 3,000 atomic units
   * for 1,000 tokens.
   */
  const standby = (
    what: string,
    word: { readonly textBytes: number; readonly left: boolean } | undefined,
    wasCutShort = false,
    standbyPer1kAtomic = 700n,
  ) => {
    const modality = {
      boundTokens: () => ({ promptTokens: 500, outputTokens: 500 }),
      boundBilled: () => 1_000,
      hasProgress: true,
      wasCutShort: () => wasCutShort,
    };
    const feeAtomic = computeBilledFee(modality as unknown as Modality, {
      order: { pricePer1kAtomic: 3_000n, maxFeeAtomic: 10_000n } as NamedOrder,
      request: { demands: { ...NO_DEMANDS, standbyPer1kAtomic } } as CommonRequest,
      header: { promptTokenCount: 12, outputTokenCount: 400 } as CommonHeader,
      responseBytes: 1_600,
      progress: word && ({ textBytes: word.textBytes, hasLeft: word.left } as Progress),
    });
    return { what, ...word, wasCutShort, standbyPer1k: standbyPer1kAtomic.toString(), fee: feeAtomic.toString() };
  };
  return {
    ...{ chainId: 31337, escrow: toHex(ledger.verifyingContract), payer: toHex(payer.address), response },
    ...{ orderHash: toHex(orderHash), textBytes: 4, blind: toHex(blind), textHash: toHex(textHash), left: true },
    ...{ progress: toHex(progress), digest: toHex(hashProgress(crypto, ledger, fields)), signature: toHex(signature) },
    billed: [
      bill('the payer said nothing', 1_600),
      bill('the payer has nothing, and has not left', 1_600, { textBytes: 0, left: false }),
      bill('the payer left before it had anything', 1_600, { textBytes: 0, left: true }),
      bill('the payer left, and most was not sent', 8_192, { textBytes: 0, left: true }),
      bill('all but one window', 4_096, { textBytes: 2_048, left: false }),
      bill('all but one window and a byte', 4_097, { textBytes: 2_048, left: false }),
      bill('tokens without text', 0, { textBytes: 0, left: true }),
    ],
    whole: [
      billWhole('the payer said nothing, and it fits into a window', 2_048),
      billWhole('the payer said nothing', 2_049),
      billWhole('the payer said nothing, and most was shown to nobody', 16_384),
      billWhole('the payer left before it had anything', 16_384, 0),
      billWhole('the payer has a part of it', 16_384, 4_096),
      billWhole('all but one window', 16_384, 14_336),
      billWhole('all but one window and a byte', 16_384, 14_335),
      billWhole('tokens without text', 0),
    ],
    standby: [
      standby('taken, and whole', { textBytes: 4, left: false }),
      standby('taken, and left then', { textBytes: 4, left: true }, true),
      standby('left before it was taken', { textBytes: 0, left: true }, true),
      standby('left before it was taken, and made to its end', { textBytes: 0, left: true }),
      standby('whole, and nobody has said a word', undefined),
      standby('cut short, and nobody has left', undefined, true),
      standby('standing by costs more than the answer', { textBytes: 0, left: true }, true, 9_000n),
      standby('standing by costs nothing', { textBytes: 0, left: true }, true, 0n),
    ],
  };
}

function consentVector(crypto: Crypto): unknown {
  const orderHash = crypto.sha256(utf8Encode('an order'));
  return { orderHash: toHex(orderHash), message: toHex(encodeConsent(orderHash)) };
}

/** The signed bytes of an end for each reason, and the hash by which a receipt names it. */
function endVectors(crypto: Crypto): unknown {
  const orderHash = crypto.sha256(utf8Encode('an order'));
  const timeMs = 1_750_000_000_000;
  return END_CODES.map((code) => {
    const end = encodeEnd({ orderHash, code, timeMs });
    return { orderHash: toHex(orderHash), code, timeMs, end: toHex(end), receiptHash: toHex(hashEnd(crypto, { end })) };
  });
}

function endorsementVector(crypto: Crypto): unknown {
  const providerId = crypto.sha256(utf8Encode('provider'));
  const modelRoot = crypto.sha256(utf8Encode('model'));
  const numericClass = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const validUntilMs = 1_750_000_000_000;
  const message = encodeEndorsement({ providerId, validUntilMs, classes: [{ modelRoot, numericClass }] });
  const classes = [{ modelRoot: toHex(modelRoot), numericClass }];
  return { providerId: toHex(providerId), validUntilMs, classes, message: toHex(message) };
}

/** Candidate lists before and after the cut to four, with their chances by stake. */
function stakeVectors(crypto: Crypto): unknown {
  const salt = new Uint8Array(32).fill(0x5a);
  const token = 10n ** 18n;
  const stakes = [0n, token - 1n, 2n * token, 7n * token, 1_000n * token];
  const payees = [
    [0, 1, 2, 3],
    [4, 4, 4],
    [0, 0, 0, 0, 0, 0, 1, 2],
    [0, 3, 3, 3, 3, 4, 2, 2, 2, 1],
  ];
  const lists = payees.map((list) => {
    const given = list.map((payee, i) => ({
      providerId: crypto.sha256(utf8Encode(`provider ${list.length} ${i}`)),
      payee: new Uint8Array(20).fill(payee),
    }));
    const stakeOf = (payee: Uint8Array): bigint => stakes[payee[0] as number] as bigint;
    return {
      list: given.map(({ providerId, payee }) => ({ providerId: toHex(providerId), payee: payee[0] })),
      kept: keepByStake(crypto, given, { salt, limit: 4, stakeOf }).map(({ providerId, weight }) => ({
        providerId: toHex(providerId),
        weight: weight.toString(),
      })),
    };
  });
  return { salt: toHex(salt), limit: 4, stakes: stakes.map(String), lists };
}
