import { randomBytes } from 'node:crypto';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
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

/** A verifier over a real link, and jobs about a reply that a provider of the same model has served. */
export async function openVerifierDoor() {
  const network = await createNetwork();
  const engine = createFakeEngine({ contextSize: 512 });
  const [identity, validator] = await Promise.all([makeIdentity(11), makeIdentity(3)]);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { bind: { host: '127.0.0.1', port: 0 } },
    {
      engines: [engine],
      crypto,
      clock: systemClock,
      signer: createNodeHybridSigner(new Uint8Array(64).fill(31)),
      reports: createReports(store, commits),
      randomBytes,
      identity,
      chain: createTestListing([validator.id]),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  const message = network.order({ body: { max_tokens: 6 } });
  const { finished } = await receive(network.client, message);
  const opened = (await network.client.service(ProviderService).getOpening({ replyId: findReplyId() })).opening;
  const opening = parseOpening(opened);
  const header = parseHeader(opening.header);
  const recordBytes = finished.record?.record as Uint8Array;
  const record = parseRecordV2(recordBytes);
  const { rows, outputTokens } = replayReply(crypto, record, opening);
  const clients: LinkClient[] = [];
  let jobs = 0;
  return {
    store,
    /** The one registered validator. */
    validator,
    record: recordBytes,
    job: () => ({
      jobId: new Uint8Array(16).fill(++jobs),
      request: message.request,
      endpoint: message.endpoint,
      header: encodeHeader(redactHeader(header)),
      modelRoot: record.modelRoot,
      sketchBankSeed: header.sketchBankSeed,
      modality: 'text',
      claim: encodeTextClaim({
        blind: opening.blind,
        outputTokens: new Uint8Array(Uint32Array.from(outputTokens).buffer),
        listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
        tailDraws: encodeTailDraws(new Map([[2, 5]])),
      }),
      timeoutMs: 20_000,
    }),
    async connect(as: LinkIdentity): Promise<LinkClient> {
      const client = createLinkClient({ endpoint: verifier.address(), certHash: identity.id, identity: as });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await verifier.stop(0);
      await engine.close();
      await network.close();
    },
  };
}
