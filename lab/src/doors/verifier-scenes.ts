import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient } from '@ogong/host/link/link-client';
import { DEFAULT_SERVER_LIMITS } from '@ogong/host/link/link-limits';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService, ScoreRequestSchema, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeHeader, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { encodeTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { redactHeader } from '@ogong/protocol/modality/text/stage2/redact-header';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createVerifier } from '@ogong/provider/verifier/verifier';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, findReplyId, receive } from '@ogong/testing/provider/provider-fixture';
import { createTestListing } from '@ogong/testing/verifier/test-listing';
import { CALLERS, type DoorScene, FLOOD_ADDRESS, TIMES, toBase64 } from './scene.ts';

const quiet = createLogger({ name: 'lab', level: 'silent' });
const ENGINE = { contextSize: 512 };

/** Makes a validator's job for a verifier, without the job's id. */
async function makeJob() {
  const network = await createNetwork();
  try {
    const message = network.order({ body: { max_tokens: 6 } });
    const { finished } = await receive(network.client, message);
    const { opening: bytes } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
    const opening = parseOpening(bytes);
    const header = parseHeader(opening.header);
    const record = parseRecordV2(finished.record?.record as Uint8Array);
    const { rows, outputTokens, tailDraws } = replayReply(crypto, record, opening);
    const value = {
      blind: opening.blind,
      outputTokens: new Uint8Array(Uint32Array.from(outputTokens).buffer),
      listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
      tailDraws: encodeTailDraws(tailDraws),
    };
    return {
      ...{ request: message.request, endpoint: message.endpoint, header: encodeHeader(redactHeader(header)) },
      ...{ modelRoot: record.modelRoot, sketchBankSeed: header.sketchBankSeed, timeoutMs: 20_000 },
      modality: 'text',
      claim: encodeTextClaim(value),
    };
  } finally {
    await network.close();
  }
}

/** A verifier that one validator may ask. */
async function openVerifier() {
  const engine = createFakeEngine(ENGINE);
  const [identity, validator] = await Promise.all([makeIdentity(11), makeIdentity(3)]);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { bind: { host: '127.0.0.1', port: 0 } },
    {
      ...{ engines: [engine], crypto, clock: systemClock, randomBytes, identity, log: quiet },
      signer: createNodeHybridSigner(new Uint8Array(64).fill(31)),
      reports: createReports(store, commits),
      chain: createTestListing([validator.id]),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  const client = createLinkClient({ endpoint: verifier.address(), certHash: identity.id, identity: validator });
  return {
    ...{ identity, endpoint: verifier.address(), service: client.service(VerifierService) },
    async close() {
      client.close();
      await verifier.stop(0);
      await commits.close();
      store.close();
      await engine.close();
    },
  };
}

export const verifierScenes: readonly DoorScene[] = [
  {
    id: 'commits',
    honest: "jobs of a validator, scored by a verifier's fake engine",
    limit: 'calls of one address, by unknown callers',
    async open() {
      const job = await makeJob();
      const { identity, endpoint, service, close } = await openVerifier();
      let number = 0;
      const message = toBase64(
        toBinary(ScoreRequestSchema, create(ScoreRequestSchema, { ...job, jobId: randomBytes(16) })),
      );
      const names = Array.from({ length: CALLERS }, (_, i) => `asking ${i}`);
      const { perSecond } = DEFAULT_SERVER_LIMITS.groupRefusalRate;
      return {
        async call() {
          const jobId = new Uint8Array(16);
          new DataView(jobId.buffer).setUint32(0, ++number);
          await service.commit({ ...job, jobId });
        },
        flood: {
          ...{ endpoint, certHash: toBase64(identity.id), service: 'VerifierService', method: 'Commit' },
          callers: names.map((name) => ({ name, address: FLOOD_ADDRESS, messages: [message] })),
          perSecond: TIMES * perSecond,
        },
        burst: 0,
        close,
      };
    },
  },
];
