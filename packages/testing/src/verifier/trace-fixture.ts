import { randomBytes } from 'node:crypto';
import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { type GenerateRequest, ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { encodeTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createVerifier } from '@ogong/provider/verifier/verifier';
import { makeIdentity } from '../link/link-fixture.ts';
import { createTestListing, nameTestRound } from './test-listing.ts';

/** Verifiers and a provider over real links, as a validator sees them. */
const VALIDATOR = 3;
/** A long timeout, because a verifier may first have to load another library on a busy machine. */
const PATIENT: { readonly timeoutMs: number } = { timeoutMs: 280_000 };

export interface TestVerifier {
  readonly keyHash: Uint8Array;
  /** The validator's link to it. */
  readonly client: LinkClient;
  connect(seed: number): Promise<LinkClient>;
  /** Also closes the engine. */
  close(): Promise<void>;
}

/** @param seed decides its keys. */
export async function startVerifier(engine: TextEngine, seed: number): Promise<TestVerifier> {
  const identity = await makeIdentity(seed);
  const validator = await makeIdentity(VALIDATOR);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { bind: { host: '127.0.0.1', port: 0 } },
    {
      engines: [engine],
      crypto,
      clock: systemClock,
      reports: createReports(store, commits),
      randomBytes,
      signer: createNodeHybridSigner(new Uint8Array(64).fill(seed)),
      identity,
      chain: createTestListing([validator.id]),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  const clients: LinkClient[] = [];
  const connect = async (from: number) => {
    const client = createLinkClient({
      endpoint: verifier.address(),
      certHash: identity.id,
      identity: await makeIdentity(from),
    });
    clients.push(client);
    return client;
  };
  return {
    keyHash: verifier.keyHash,
    client: await connect(VALIDATOR),
    connect,
    async close() {
      for (const client of clients) client.close();
      await verifier.stop(0);
      await commits.close();
      store.close();
      await engine.close();
    },
  };
}

export type TracedReply = Awaited<ReturnType<typeof openReply>>;

/** Opens a served reply as a validator does. @param connect connects to its provider. */
export async function openReply(
  { request, endpoint }: GenerateRequest,
  recordBytes: Uint8Array,
  connect: (seed: number) => Promise<LinkClient>,
) {
  const validator = await connect(VALIDATOR);
  const record = parseRecordV2(recordBytes);
  const opened = await validator.service(ProviderService).getOpening({ replyId: record.replyId });
  const opening = parseOpening(opened.opening);
  const header = parseHeader(opening.header);
  const replay = replayReply(crypto, record, opening);
  const job = {
    jobId: new Uint8Array(16).fill(1),
    request,
    endpoint,
    header: opening.header,
    modelRoot: record.modelRoot,
    sketchBankSeed: header.sketchBankSeed,
    modality: 'text',
    claim: encodeTextClaim({
      blind: opening.blind,
      outputTokens: toBytes(replay.outputTokens),
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      tailDraws: encodeTailDraws(replay.tailDraws),
    }),
    ...PATIENT,
  };
  return {
    ...{ recordBytes, record, header, opening, replay, job },
    /** Asks the provider for its trace, as the validator does. */
    trace: (position: number): Promise<SignedTrace> =>
      validator
        .service(ProviderService)
        .trace({ record: recordBytes, request, endpoint, position, ...PATIENT }, PATIENT),
  };
}

export async function scoreWith({ client }: TestVerifier, { job }: TracedReply): Promise<ScoreReport> {
  const service = client.service(VerifierService);
  const { digest } = await service.commit(job, PATIENT);
  return parseScoreReport(
    (
      await service.reveal(
        nameTestRound((await makeIdentity(VALIDATOR)).id, { jobId: job.jobId, round: [digest] }),
        PATIENT,
      )
    ).report,
  );
}

export async function traceWith(
  { client }: TestVerifier,
  { job, recordBytes: record }: TracedReply,
  position: number,
): Promise<SignedTrace> {
  return client.service(VerifierService).trace({ job, record, position }, PATIENT);
}

/** u32 little endian. */
function toBytes(tokens: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  tokens.forEach((token, i) => {
    view.setUint32(4 * i, token, true);
  });
  return bytes;
}
