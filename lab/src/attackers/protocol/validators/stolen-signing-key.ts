import { isDeepStrictEqual } from 'node:util';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type QuorumSignature, verifyQuorum } from '@ogong/protocol/crypto/quorum';
import { findAdmissionProblem } from '@ogong/protocol/exchange/admission';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashBatchSummary, parseSettlement, summarizeSettlement } from '@ogong/protocol/settlement/batch';
import {
  createKeySigner,
  type ValidatorSigner,
  type ValidatorStatement,
} from '@ogong/protocol/settlement/validator-statement';
import { signAdmission } from '@ogong/testing/synthetic/validator-words';
import { domain, ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { decideThree, type Message, on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { readVotes } from '@ogong/validator/settlement/gather-signatures';
import { createGuardedSigner } from '@ogong/validator/signer/guarded-signer';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { type Breaks, openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

/** The result of one batch that the thief made in the victim's name. */
export interface ForgedBatch {
  readonly answers: readonly string[];
  /** Votes behind it, its own included, as the contract counts them. */
  readonly votes: bigint;
  readonly isQuorum: boolean;
}

const messageOf = ({ message }: Error): string => message;
/** Fee of each of the victim's replies. */
const REPLY_FEE = 86_000n;
/** Nobody else's account. */
const THIEF = seedOf('thief').slice(0, 20);

/** The same message with a log of the thief's: without the rejects, each entry at its new place. */
function leaveOutRejects(victim: TestValidator, message: Message): Promise<Message> {
  const dropped = new Set(
    victim.decided.filter(({ verdict }) => verdict === 'reject').map(({ index }) => Number(index)),
  );
  const kept = structuredClone(message);
  kept.entries = kept.entries.filter((_, i) => !dropped.has(i));
  let index = 0n;
  return rebuild(
    victim,
    kept,
    (entry) => ({ ...entry, index: index++ }),
    (same) => same,
  );
}

function stateBatch({ batch, entries }: Message): Extract<ValidatorStatement, { kind: 'batch' }> {
  const summary = summarizeSettlement(crypto, parseSettlement(batch));
  return { kind: 'batch', domain, summary, entries: entries.map(({ logEntry }) => logEntry) };
}

/** Signs with the stolen key, and asks the peers in the victim's name. */
async function push(
  { own, peers, chain }: Awaited<ReturnType<typeof createFour>>,
  thief: ValidatorSigner,
  message: Message,
): Promise<ForgedBatch> {
  const statement = stateBatch(message);
  const signatures: QuorumSignature[] = [{ signer: thief.address, signature: await thief.sign(statement) }];
  const answers: string[] = [];
  for (const peer of peers) {
    const request = create(CosignBatchRequestSchema, structuredClone(message));
    const vote = await peer.cosigner.cosign(thief.address, request).catch(messageOf);
    if (typeof vote !== 'string') signatures.push(vote);
    answers.push(typeof vote === 'string' ? vote : 'signed');
  }
  const members = [own, ...peers].map(({ member }) => member);
  const { voters, total } = await readVotes(chain, members, []);
  const digest = hashBatchSummary(crypto, domain, statement.summary);
  const quorum = verifyQuorum(crypto, { digest, signatures, validators: voters, totalStake: total });
  return { answers, votes: quorum.signedStake, isQuorum: quorum.ok };
}

/** The victim's signer in a process of its own, with its notes. */
function openSigner(victim: TestValidator, breaks: Breaks) {
  const key = createTestLedgerSigner(seedOf('validator 0 signing key'));
  const open = (path = ':memory:') => openStore(path, { schema: GUARD_SCHEMA });
  const path = breaks.path();
  let store = open(path);
  const remove = breaks.add('signer', () => {
    store.close();
    store = open(path);
  });
  return {
    sign: (statement: ValidatorStatement) =>
      createGuardedSigner(crypto, { key, account: victim.signer.address, store }).sign(statement),
    close() {
      remove();
      store.close();
    },
  };
}

/** The same answer of all three peers. */
const byAll = (answer: string): string[] => [answer, answer, answer];

/** Has the hot key of one of four validators, and tries to be that validator: for one batch, and for good. */
export const stolenSigningKey = defineAttack({
  name: 'stolen-signing-key',
  adversary: "thief of a validator's signing key",
  aim: "settle a log of its own in the validator's name, and speak for the validator for good",
  stoppedBy: 'The key has one vote, and co-signers sign one log per validator. A replaced key counts for nothing',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const four = await createFour({}, (options) => openAttacked(breaks, options));
    const { own, chain } = four;
    const thief = createKeySigner(
      crypto,
      createTestLedgerSigner(seedOf('validator 0 signing key')),
      own.signer.address,
    );
    const external = openSigner(own, breaks);
    await decideThree(four);
    const honest = await proposeUnheard(four);
    await external.sign(stateBatch(honest));
    await breaks.take();
    const turned = on('reject', { verdict: 'accept', feeAtomic: REPLY_FEE, ejects: false });
    const falseVerdict = await push(four, thief, await rebuild(own, structuredClone(honest), turned, (same) => same));
    // The peers sign the victim's own log. Before the chain has it, they are asked for the other one.
    const { answers } = await push(four, thief, honest);
    await breaks.take();
    const second = await leaveOutRejects(own, honest);
    const secondLog = await push(four, thief, second);
    const withoutCertificate: string[] = [];
    for (const { cosigner } of four.peers) {
      const vote = cosigner.cosign(THIEF, create(CosignBatchRequestSchema, structuredClone(second)));
      withoutCertificate.push(await vote.then(() => 'signed', messageOf));
    }
    const signer = await external.sign(stateBatch(second)).then(() => 'signed', messageOf);
    external.close();
    while (await own.settlement.step().catch(() => false)) await breaks.take();
    const { batch: ownBatch } = parseSettlement(honest.batch);
    const countSettled = (isOwn: boolean): number =>
      chain.settled
        .filter(({ batch }) => equalBytes(batch.logHead as Uint8Array, ownBatch.logHead) === isOwn)
        .reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    // The account, whose key the thief does not have, names another one. The voting delay is over.
    const next = createTestLedgerSigner(seedOf('next signing key')).address;
    chain.signingKeys.set(toHex(own.signer.address), next);
    const order = own.order(7).fields;
    const said = { ledger, orderHash: order.orderHash, validator: own.signer.address, epoch: 1n, timeMs: 1n };
    const admission = signAdmission(crypto, createTestLedgerSigner(seedOf('validator 0 signing key')), said);
    return {
      ...{ falseVerdict, secondLog, withoutCertificate, signer },
      honest: { answers, settled: countSettled(true) },
      forged: countSettled(false),
      revoked: {
        votes: (await push(four, thief, second)).votes,
        admission: findAdmissionProblem(crypto, { ledger, order, signingKeys: [next] }, admission),
      },
    };
  },
  async stage({ play }) {
    const played = await play();
    const { falseVerdict, secondLog, withoutCertificate, signer, honest, forged, revoked } = played;
    return {
      tried: 'turned a verdict round, and left one out of the log, both signed with the stolen key of one of four',
      answered: [
        ...countTexts([...falseVerdict.answers, ...secondLog.answers, ...withoutCertificate]),
        `the external signer: ${signer}`,
        `once the account has named another key, the stolen one has ${revoked.votes} votes; of its admission: ${revoked.admission ?? 'it holds'}`,
      ],
      money: `${honest.settled} entries of the validator are settled, ${forged} of the thief`,
      worked:
        falseVerdict.isQuorum ||
        secondLog.isQuorum ||
        revoked.admission?.includes('did not sign') !== true ||
        !isDeepStrictEqual(played, {
          falseVerdict: {
            ...falseVerdict,
            answers: byAll('entry 0: the evidence says reject, not accept'),
            votes: 100n,
          },
          secondLog: { ...secondLog, answers: byAll('entry 0: another log was signed'), votes: 100n },
          withoutCertificate: byAll('the batch belongs to another validator than the caller'),
          signer: 'entry 0: another log of this validator was signed',
          honest: { answers: byAll('signed'), settled: 3 },
          forged: 0,
          revoked: { votes: 0n, admission: revoked.admission },
        }),
    };
  },
});
