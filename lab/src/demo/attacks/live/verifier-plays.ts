import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
} from '@ogong/protocol/modality/text/stage2/score-report';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { createTestCalls } from '@ogong/testing/validator/test-calls';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { signTestEndorsement } from '@ogong/testing/validator/test-keys';
import { countTexts } from '../../../attackers/protocol/define-attack.ts';
import type { LiveNetwork, LivePlay, OwnedDaemon } from './live-network.ts';

const REPLIES = 4;
const OWN = 'verifier-2';

/** @returns ids of the replies that consumers got meanwhile, hex. */
async function askSome({ ask }: LiveNetwork, count = REPLIES): Promise<string[]> {
  const replies: string[] = [];
  for (let i = 0; i < count; i++) {
    const replyId = await ask();
    if (replyId !== undefined) replies.push(replyId);
  }
  return replies;
}

/** One of the network's verifiers is the adversary's, and answers nobody. */
export const stayVerifierSilent: LivePlay = async (network) => {
  await network.own(OWN);
  const replies = await askSome(network);
  const entries = await network.settle(replies);
  const paid = entries.filter(({ verdict }) => verdict === 'accept').length;
  return {
    tried: `was one of the verifiers of the network, and answered nobody while ${replies.length} replies were audited`,
    answered: countTexts(entries.map(({ verdict }) => verdict)),
    money: `${paid} of ${replies.length} replies are paid`,
    worked: replies.length === 0 || paid < replies.length,
  };
};

/** Says of every reply, in the provider's own class, that its prompt had one token. */
function frame({ jobId, modelRoot, header }: ScoreJobMessage): Uint8Array {
  const { numericClass, vocabularyHash } = parseHeader(header);
  const wrong = new Uint8Array(32).fill(1);
  return encodeScoreReport({
    ...{ jobId, modelRoot, numericClass, exact: true, promptTokensHash: wrong, promptTokenCount: 1, vocabularyHash },
    ...{ responseHash: wrong, firstStopToken: NO_STOP_TOKEN, firstOtherChoice: NO_OTHER_CHOICE, tailGap: NO_TAIL_GAP },
    ...{ contextSize: 512, pictureDistance: 0, elapsedMs: 1, windows: [], edges: [] },
  });
}

/** @param onOpened called for each report that a validator has seen. */
async function serveFramer(
  { endpoint: bind, identity, hybrid: signer }: OwnedDaemon,
  { modelRoot, onOpened }: { readonly modelRoot: Uint8Array; readonly onOpened: () => void },
): Promise<LinkServer> {
  const calls = createTestCalls(async (_peer, job) => ({ report: frame(job), signer }));
  const peer = { endpoint: bind, certHash: identity.id };
  const server = createLinkServer({
    ...{ bind, identity, authorize: () => true },
    routes(router) {
      const { method } = VerifierService;
      const call = { timeoutMs: 1_000, signal: new AbortController().signal };
      router.rpc(method.commit, (job) => calls.commit(peer, job as ScoreJobMessage, call));
      router.rpc(method.reveal, async ({ jobId, round }) => {
        const opened = await calls.reveal(peer, { jobId, round }, call);
        onOpened();
        return opened as never;
      });
      router.rpc(method.endorse, ({ providerId }) =>
        signTestEndorsement(signer, providerId, [{ modelRoot, numericClass: '' }]),
      );
    },
  });
  await server.start();
  return server;
}

/** One of the network's verifiers rejects whatever it is asked about. */
export const frameByReports: LivePlay = async (network) => {
  const owned = await network.own(OWN);
  let opened = 0;
  const server = await serveFramer(owned, { modelRoot: network.modelRoot, onOpened: () => opened++ });
  try {
    const replies = await askSome(network, 2 * REPLIES);
    const entries = await network.settle(replies);
    const paid = entries.filter(({ verdict }) => verdict === 'accept').length;
    const id = hashHybridKey(crypto, owned.hybrid.publicKey);
    const provider = network.member('provider-2').identity.keyHash;
    const isNamed = (one: Uint8Array) => equalBytes(one, id) || equalBytes(one, provider);
    const refuted = entries.flatMap((entry) => listVerifierIds(entry, 'refuted')).filter(isNamed).length;
    if (opened === 0) throw new Error('nobody asked it for a report: nothing was tried');
    const ejected = await Promise.all(network.providerIds.map((one) => network.chain.isEjected(one)));
    return {
      tried: `was one of the verifiers of the network, and rejected whatever it was asked about, ${opened} times, of ${replies.length} honest replies`,
      answered: [
        ...countTexts(entries.map(({ verdict }) => verdict)),
        `the logs refute ${refuted} of its reports; ${ejected.filter(Boolean).length} providers are ejected`,
      ],
      money: `${paid} of ${replies.length} replies are paid`,
      worked: replies.length === 0 || paid < replies.length || ejected.includes(true),
    };
  } finally {
    await server.stop(0);
  }
};
