import { systemClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestCalls } from '../validator/test-calls.ts';
import { testCrypto as crypto } from '../validator/test-crypto.ts';
import { createTestHybrid } from '../validator/test-keys.ts';
import { createTestReport, findServed, type TestReply } from '../validator/test-reply.ts';
import { createNamedIdentity, startLoopbackServer } from './loopback-server.ts';
import { signTestAnnouncement, TEST_OFFER } from './test-announcement.ts';

const STOP_MS = 100;
const CALL_MS = 10_000;

/** A provider, and a second one that only verifies. Both know all replies of the first one. */
export async function startServedProvider(
  name: string,
  { ledger, verifierPayee }: { readonly ledger: LedgerDomain; readonly verifierPayee: LedgerSigner },
) {
  const signer = createTestHybrid(name);
  const verifier = createTestHybrid(`${name} verifier`);
  const verifierKey = createTestHybrid(`${name} verifier reports`);
  const served = new Map<string, TestReply>();
  let sequence = 1n;
  let isOpen = true;
  const calls = createTestCalls(async (_peer, job) => {
    const found = findServed(served.values(), job);
    if (found === undefined) throw new Error('no such reply');
    return { report: createTestReport(found, job), signer: verifierKey };
  });
  const self = { endpoint: name, certHash: signer.publicKey };
  const providing = await startLoopbackServer(
    (router) =>
      router.service(ProviderService, {
        getOpening({ replyId }) {
          const found = served.get(toHex(replyId));
          if (!isOpen || found === undefined) throw new Error('no such opening');
          return { opening: found.reply.openingBytes };
        },
      }),
    { identity: await createNamedIdentity(name) },
  );
  const verifying = await startLoopbackServer(
    (router) =>
      router.service(VerifierService, {
        commit: (job, { signal }) => calls.commit(self, job, { timeoutMs: CALL_MS, signal }),
        reveal: (request, { signal }) => calls.reveal(self, request, { timeoutMs: CALL_MS, signal }),
      }),
    { identity: await createNamedIdentity(`${name} verifier`) },
  );

  function announceAs(key: HybridSigner, isVerifier: boolean) {
    const { endpoint, identity } = isVerifier ? verifying : providing;
    const keyHash = hashHybridKey(crypto, verifierKey.publicKey);
    const { signed } = signTestAnnouncement({
      ...{ key, ledger, nowMs: systemClock.nowMs(), verifierKey },
      payee: isVerifier ? verifierPayee : undefined,
      fields: {
        ...{ endpoint, certHash: identity.id, sequence: sequence++ },
        verifier: isVerifier ? { endpoint, certHash: identity.id, keyHash } : undefined,
        models: [
          { ...TEST_OFFER, numericClass: 'synthetic-1/js/f64/exact/hash/kv-none', capacity: 4, freeCapacity: 4 },
        ],
      },
    });
    return signed;
  }

  return {
    signer,
    identity: providing.identity,
    verifierIdentity: verifying.identity,
    announce: () => announceAs(signer, false),
    announceVerifier: () => announceAs(verifier, true),
    keep: (reply: TestReply) => served.set(toHex(reply.reply.record.replyId), reply),
    withhold(isWithheld: boolean) {
      isOpen = !isWithheld;
    },
    async stop() {
      await Promise.all([providing.stop(STOP_MS), verifying.stop(STOP_MS)]);
      await calls.close();
    },
  };
}
