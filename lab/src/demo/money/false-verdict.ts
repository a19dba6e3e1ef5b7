import { createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes, equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check, isOk } from '@ogong/protocol/base/checks';
import { buildSettlement, hashSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { appendVerdict, computeCorrectionId, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { encodeReceipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { signCharge, submitCharge } from '@ogong/validator/settlement/conviction';
import { answeredOf, replyIdOf } from '../claims/finding.ts';
import { findOutcome } from '../find-outcome.ts';
import type { AskedReply, RunRecord, SlashRecord } from '../run-record.ts';
import { type CourtContext, type NamedValidator, signBatch, toBytes } from './sign-batch.ts';

/** A validator's signed verdict about a reply. */
interface FalseVerdict {
  readonly reply: AskedReply;
  readonly accused: NamedValidator;
  readonly settlement: Settlement;
  readonly entry: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Has a validator reject an honest reply afterwards, on exact evidence that does not exist, which would eject the provider. The other
 * validators compare this verdict with the reply's receipt, and sign the conviction if every check passes.
 */
export async function slashFalseVerdict(context: CourtContext, run: RunRecord): Promise<SlashRecord | undefined> {
  const { mesh, chain, validators } = context;
  const accused = validators.at(-1);
  const reporter = mesh.members.find(({ role }) => role === 'gateway');
  const reply = answeredOf(run).find((one) => isAccepted(run, one));
  if (accused === undefined || reporter === undefined || reply === undefined) return undefined;
  const lie = await signLie(context, { run, reply, accused });
  const { privateKey, address: reporterAddress } = reporter.identity;
  const client = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment, privateKey });
  const alone = await findOutcome(async () => client.settle(await signBatch(context, [accused], lie.settlement)));
  const checks = await checkFalseVerdict(context, run, lie);
  const charge = {
    ...{ offence: 'false-verdict' as const, accused: toBytes(accused.address), reporter: toBytes(reporterAddress) },
    evidence: crypto.sha256(concatBytes(encodeReceipt(receiptOf(reply)), lie.entry, lie.signature)),
  };
  const domain = domainOf(chain.deployment, chain.deployment.cases);
  // No validator signs without sufficient evidence.
  const signers = isOk(checks) ? validators.filter((one) => one !== accused) : [];
  const signed = await Promise.all(
    signers.map(({ signing, address }) =>
      signCharge({ domain, signer: createKeySigner(crypto, signing, toBytes(address)) }, chain, charge),
    ),
  );
  const signatures = signed.map(({ signature }) => signature);
  const submit = () => submitCharge({ crypto, domain }, client, { charge, signatures });
  const { treasury } = mesh.recipients;
  const read = async () => {
    const [bond, ofTreasury, ofReporter] = await Promise.all([
      chain.bondOf(accused.address),
      chain.balanceOf(treasury),
      chain.balanceOf(reporterAddress),
    ]);
    return { bondAtomic: bond.amount + bond.unbonding, treasuryAtomic: ofTreasury, reporterAtomic: ofReporter };
  };
  const before = await read();
  const id = await chain.caseCount();
  const convicted = await findOutcome(submit);
  const again = await findOutcome(submit);
  const heldAtomic = convicted === 'taken' ? (await chain.caseOf(id)).amount : 0n;
  const closed = await findOutcome(() => client.closeCase(id));
  return {
    ...{ accused: accused.name, signers: signers.map(({ name }) => name), replyId: replyIdOf(reply) ?? '', checks },
    ...{ heldAtomic, answers: { alone, convicted, again, closed }, before, after: await read() },
  };
}

const receiptOf = ({ receipts }: AskedReply) => (receipts as NonNullable<typeof receipts>).full;

const findEntry = ({ logs }: RunRecord, reply: AskedReply) =>
  logs.flatMap(({ entries }) => entries).find(({ replyId }) => toHex(replyId) === replyIdOf(reply));

const isAccepted = (run: RunRecord, reply: AskedReply): boolean => findEntry(run, reply)?.verdict === 'accept';

/** Appends the false verdict to the log of the accused, and signs its batch. */
async function signLie(
  { chain }: CourtContext,
  { run, reply, accused }: { readonly run: RunRecord; readonly reply: AskedReply; readonly accused: NamedValidator },
): Promise<FalseVerdict> {
  const truth = findEntry(run, reply);
  if (truth === undefined) throw new TypeError('the reply is in a log');
  const { sequence, logHead, logLength } = await chain.anchorOf(accused.address);
  const appended = appendVerdict(
    crypto,
    { length: logLength, head: toBytes(logHead) },
    {
      ...truth,
      ...{
        replyId: computeCorrectionId(truth.replyId),
        payee: new Uint8Array(20),
        verdict: 'reject',
        evidence: 'exact',
      },
      ...{ feeAtomic: 0n, verifiers: [], step: 'none', eValuePpm: 0, ejects: true },
      evidenceHash: crypto.sha256(utf8Encode('no evidence')),
    },
  );
  const validator = toBytes(accused.address);
  const { bytes, position } = appended;
  const input = { validator, sequence: sequence + 1n, position, entries: [appended], vouchers: [] };
  const settlement = buildSettlement(crypto, input);
  const signature = accused.signing.signDigest(
    hashSettlement(crypto, domainOf(chain.deployment, chain.deployment.settlement), settlement),
  );
  return { reply, accused, settlement, entry: bytes, signature };
}

/** Checks that the accused signed this verdict, that it calls the reply forged, and that the reply's receipt passes. */
async function checkFalseVerdict({ chain }: CourtContext, run: RunRecord, lie: FalseVerdict): Promise<Check[]> {
  const { reply, accused, settlement, entry, signature } = lie;
  const said = parseVerdictEntry(entry);
  const truth = findEntry(run, reply);
  const digest = hashSettlement(crypto, domainOf(chain.deployment, chain.deployment.settlement), settlement);
  const isAbout = truth !== undefined && equalBytes(said.replyId, computeCorrectionId(truth.replyId));
  const isSame = truth !== undefined && equalBytes(said.recordHash, truth.recordHash);
  const { ok } = await verifyReceipt(receiptOf(reply), { ...run, request: reply.request, response: reply.response });
  return [
    check('signature', crypto.verifyAddress(digest, signature, accused.signing.address), [
      `${accused.name} signed the batch`,
      `${accused.name} did not sign the batch`,
    ]),
    check('log-head', equalBytes(settlement.batch.logHead, crypto.sha256(entry)), [
      'the entry is the last of its log',
      'the batch is about another log',
    ]),
    check('about', isAbout && isSame && said.verdict === 'reject' && said.evidence === 'exact' && said.ejects, [
      'the entry calls the reply forged and ejects its provider',
      'the entry is not about this reply',
    ]),
    check('settled', truth?.verdict === 'accept', [
      'a quorum has settled the same reply as accepted',
      'no quorum has accepted the reply',
    ]),
    check('receipt', ok, ['the receipt of the reply passes', 'the receipt of the reply does not pass']),
  ];
}
