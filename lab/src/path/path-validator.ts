import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { rememberChecked } from '@ogong/host/crypto/remember-checked';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { MAX_REPLAY_BYTES } from '@ogong/protocol/exchange/limits';
import { computeReplyId, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { createFixedChain, standingRouter } from '@ogong/testing/network/fixed-chain';
import { createNamedIdentity, startLoopbackServer } from '@ogong/testing/network/loopback-server';
import { until } from '@ogong/testing/provider/provider-fixture';
import {
  type BenchOptions,
  createTestClock,
  createTestValidator,
  ledger,
  network,
} from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { toSummaryMessage } from '@ogong/testing/validator/test-reply';
import { createOpeningGrants } from '@ogong/validator/intake/opening-grants';
import { createValidatorMetrics } from '@ogong/validator/metrics';
import { createRoutes } from '@ogong/validator/routes';
import { checkEntry } from '@ogong/validator/settlement/cosign/entry-check';
import { signRound } from '@ogong/validator/witness/round-signature';

/** Real time that an answer may take. After that the test's clock moves on, and the validator asks again. */
const OPENING_MS = 500;
/** How far the test's clock moves on while nothing is decided yet. */
const STEP_MS = 10_000;
const MOST_LOOKS = 100;

/** Outcome of one reply. */
export interface DecidedReply {
  /** Why the validator's intake refused the record. */
  readonly intake: string | undefined;
  /** Checks of the audit: stage 1, then those of the verifier's report. */
  readonly audit: readonly Check[];
  readonly verdict: VerdictEntry;
  /** Recomputes the verdict from its evidence, as a co-signer does. @throws CosignError where the result differs. */
  readonly confirm: () => Promise<void>;
}

export type PathValidator = Awaited<ReturnType<typeof startValidator>>;

export interface PathValidatorOptions {
  /** Default: one that stands still. */
  readonly clock?: ReturnType<typeof createTestClock>;
  /** Share of replies that is audited, parts per million. Default: all. */
  readonly alphaPpm?: number;
  /** Shares of audits with two verifiers and with a honeypot, parts per million. Default: no honeypots. */
  readonly audit?: Pick<NonNullable<BenchOptions['audit']>, 'pairPpm' | 'honeypotPpm'> | undefined;
  /** Real time that a blob may take, ms. Default: that of an answer. A large picture has many blobs, and one that is late loses all. */
  readonly blobMs?: number;
}

/** Intake, audit and settlement of one validator over real links, on the test's clock and without a chain. */
export async function startValidator({
  clock = createTestClock(),
  alphaPpm,
  audit: shares,
  blobMs = OPENING_MS,
}: PathValidatorOptions = {}) {
  const identity = await createNamedIdentity('validator');
  const links = createLinkPool({ identity, dialPolicy: 'any' });
  const coverage = alphaPpm === undefined ? {} : { alphaPpm: () => alphaPpm };
  const bench = createTestValidator({
    ...{ clock, crypto: rememberChecked(crypto) },
    cosign: coverage,
    async getOpening(provider, replyId, { timeoutMs, signal }) {
      try {
        const call = { timeoutMs: OPENING_MS, signal };
        return (await links.to(ProviderService, provider).getOpening({ replyId }, call)).opening;
      } catch (error) {
        if (error instanceof LinkError && error.code === 'timeout') clock.advance(timeoutMs);
        throw error;
      }
    },
    getTexts: (provider, { replyId, intake }, { signal }) =>
      links
        .to(ProviderService, provider)
        .getTexts({ replyId, ...(intake && { intake }) }, { timeoutMs: OPENING_MS, signal }),
    getBlob: (provider, replyId, ref, blind, { signal }) =>
      fetchBlob(
        links.to(ProviderService, provider),
        { replyId, ref, blind },
        { crypto, maxBytes: MAX_REPLAY_BYTES, timeoutMs: blobMs, signal },
      ),
    calls: {
      commit: (verifier, job, call) => links.to(VerifierService, verifier).commit(job, call),
      async reveal(verifier, job, call) {
        const word = await signRound({ crypto, ledger, signer: bench.signer }, job);
        return links.to(VerifierService, verifier).reveal({ ...job, round: [...job.round], word }, call);
      },
    },
    audit: { honeypotPpm: 0, callTimeoutMs: 30_000, ...coverage, ...shares },
  });
  const { archive, store, cosigning, signer, decided } = bench;
  /** Why the intake refused a record, by hex reply id; undefined if it took the record. */
  const handedIn = new Map<string, string | undefined>();
  const announced = new Set<string>();
  const intake: typeof bench.intake = {
    ...bench.intake,
    async pushRecord(submission) {
      const replyId = toHex(computeReplyId(crypto, ledger, parseOrder(submission.order.order)));
      try {
        const answer = await bench.intake.pushRecord(submission);
        handedIn.set(replyId, undefined);
        return answer;
      } catch (error) {
        handedIn.set(replyId, (error as Error).message.replace(/^\[\w+\] |:.*/gs, ''));
        throw error;
      }
    },
    async announce(signed, caller) {
      await bench.intake.announce(signed, caller);
      announced.add(toHex(caller));
    },
  };
  const routerKey = hashHybridKey(crypto, createTestHybrid('router').publicKey);
  const chain = createFixedChain({
    ...{ ledger, router: async () => standingRouter(routerKey) },
    members: () => [{ ...bench.member, certHash: identity.id, endpoint }],
  });
  const verdicts = { crypto, ...network, validator: signer.address };
  const metrics = createValidatorMetrics(createMetrics('validator'));
  const beacon = { receive: () => Promise.reject(new Error('there is one validator only')) };
  const grants = createOpeningGrants(bench.clock);
  const routes = createRoutes({
    ...{ intake, archive, wanted: new Set(), beacon, cosigning, store, verdicts, chain, grants, metrics },
    witness: bench.witnessing,
  });
  const server = await startLoopbackServer(routes, { identity });
  const { endpoint } = server;

  const readBeacon = (epoch: bigint) => {
    const point = archive.find(epoch) as NonNullable<ReturnType<typeof archive.find>>;
    return { ...point, epoch, certificate: archive.findCertificate(epoch) ?? new Uint8Array(0) };
  };
  return {
    ...bench,
    chain,
    /** As a provider and a gateway see them. */
    beacons: {
      latest: () => readBeacon(archive.latest().epoch),
      get: async (epoch: bigint) => readBeacon(epoch),
    },
    isAnnounced: (certHash: Uint8Array) => announced.has(toHex(certHash)),
    /** The audit of one reply, under the beacon of the next epoch. */
    async decide(replyId: Uint8Array, isServed: boolean): Promise<DecidedReply> {
      const key = toHex(replyId);
      if (isServed) await until(() => handedIn.has(key));
      await bench.certify();
      const find = () => decided.find((entry) => equalBytes(entry.replyId, replyId));
      for (let looks = 0; find() === undefined; looks++) {
        if (looks === MOST_LOOKS) throw new Error(`nothing came of reply ${key}`);
        if (looks > 0) clock.advance(STEP_MS);
        await bench.runSittings();
      }
      const audit = JSON.parse(bench.find(replyId).checks ?? '[]') as Check[];
      const verdict = find() as VerdictEntry;
      const confirm = async () => {
        const { submission, evidence = new Uint8Array(0) } = bench.find(replyId);
        const record = submission && toSummaryMessage(submission);
        await checkEntry(cosigning, signer.address, verdict, { record, evidence } as Parameters<typeof checkEntry>[3]);
      };
      return { intake: handedIn.get(key), audit, verdict, confirm };
    },
    async settle(payee: Uint8Array): Promise<bigint> {
      while (await bench.settlement.step());
      const lines = bench.chain.settled.flatMap((call) => call.lines);
      return lines.reduce((sum, line) => (equalBytes(line.payee as Uint8Array, payee) ? sum + line.gross : sum), 0n);
    },
    async close() {
      await server.stop();
      links.close();
      await bench.close();
    },
  };
}
