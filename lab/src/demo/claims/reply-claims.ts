import { equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { isOk } from '@ogong/protocol/base/checks';
import { parseEpochCertificate, verifyEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { AskedReply, RunRecord } from '../run-record.ts';
import { answeredOf, cheatOf, entriesOf, type Finding, failuresOf, judge } from './finding.ts';

/** The checks that a compact receipt skips, because it holds no opening. No other check may be skipped. */
const openingChecks = new Set([
  ...['commitment-root', 'commitment-form', 'posture', 'token-count', 'listing', 'draw-replay', 'draw-key'],
  ...['shape-classes', 'header-order', 'blinding'],
  ...['sampler', 'sketch-bank', 'payee', 'stop-strings', 'context', 'response-size', 'fee'],
]);

export async function checkReceipts(run: RunRecord): Promise<Finding> {
  const { crypto, trust } = run;
  const problems: string[] = [];
  const answered = answeredOf(run);
  let passed = 0;
  for (const reply of run.replies) {
    const { receipts, request, response, number, error } = reply;
    if (!receipts) {
      if (error === undefined) problems.push(`answer ${number} came without a receipt`);
      continue;
    }
    const context = { crypto, request, response, trust, nowMs: run.nowMs };
    const { checks: full } = await verifyReceipt(receipts.full, context);
    const { checks: compact } = await verifyReceipt(receipts.compact, context);
    const skipped = full.filter(({ status }) => status === 'skip').map(({ id }) => `${id} was skipped`);
    const unfit = compact.filter(({ id, status }) => status === 'skip' && !openingChecks.has(id));
    for (const problem of [...failuresOf(full), ...skipped]) problems.push(`answer ${number}, full: ${problem}`);
    for (const problem of failuresOf(compact)) problems.push(`answer ${number}, compact: ${problem}`);
    for (const { id } of unfit) problems.push(`answer ${number}, compact: ${id} was skipped`);
    if (!('bytes' in receipts.full.opening)) problems.push(`answer ${number}: the full receipt has no opening`);
    else if (!equalBytes(receipts.full.opening.bytes, receipts.fetched)) {
      problems.push(`answer ${number}: the compact receipt's address serves another opening`);
    }
    if (!('url' in receipts.compact.opening)) problems.push(`answer ${number}: the compact receipt names no address`);
    passed += full.filter(({ status }) => status === 'pass').length;
  }
  if (answered.length === 0) problems.push('no request was answered');
  return judge(problems, [
    `${answered.length} answers, ${passed} checks passed on their full receipts, none failed or skipped`,
    `${run.replies.length - answered.length} requests were refused`,
  ]);
}

/** Whether one signature of the threshold beacon certifies the answer's epoch. `checkBeacon` compares the key with the chain's. */
export function hasKeySignature({ receipts }: AskedReply): boolean {
  const bytes = receipts?.full.beacon ?? new Uint8Array(0);
  return bytes.length > 0 && parseEpochCertificate(bytes).kind === 'threshold';
}

/** A young network uses the bootstrap beacon, so one answer under the key is enough. */
export function checkBeacon(run: RunRecord): Finding {
  const { crypto, trust } = run;
  const { generations = [], settlement, ledger } = trust;
  if (settlement === undefined || ledger === undefined) return { ok: false, evidence: ['no network is trusted'] };
  const network = { chainId: ledger.chainId, settlement };
  const answered = answeredOf(run);
  const signed = answered.filter(hasKeySignature);
  const problems = signed.flatMap(({ number, receipts }) => {
    const certificate = parseEpochCertificate(receipts?.full.beacon ?? new Uint8Array(0));
    const { checks } = verifyEpochCertificate(crypto, network, { certificate, validators: [], generations });
    return failuresOf(checks).map((failure) => `answer ${number}: ${failure}`);
  });
  if (signed.length === 0) problems.push('no answer is certified by a key of the beacon');
  return judge(problems, [
    `${signed.length} of ${answered.length} answers are certified by one signature of 96 bytes of the key that the chain lists from epoch ${generations[0]?.firstEpoch} on`,
  ]);
}

/** `checkReceipts` checks that the receipt covers the whole text. */
export function checkFailover({ crypto, failover, replies }: RunRecord): Finding {
  if (!failover) return { ok: false, evidence: ['no provider was killed'] };
  const { killed, killedId, number, shownBytes, shown, signedBytes } = failover;
  const reply = replies.find((one) => one.number === number);
  const problems: string[] = [];
  if (shownBytes === 0) problems.push('no answer was cut off in its middle');
  if (!reply?.receipts) problems.push(`request ${number} was not answered: ${reply?.error ?? 'it was not sent'}`);
  else {
    const signer = toHex(hashHybridKey(crypto, reply.receipts.full.record.publicKey));
    if (signer === killedId) problems.push(`${killed}, which was killed, signed answer ${number}`);
    if (reply.response.length <= shownBytes) problems.push(`answer ${number} ended where ${killed} was killed`);
    const begun = utf8Encode(shown);
    if (begun.length !== shownBytes || !equalBytes(reply.response.subarray(0, shownBytes), begun))
      problems.push(`answer ${number} does not begin with the shown text`);
  }
  return judge(problems, [
    `${killed} was killed after ${shownBytes} bytes of answer ${number}, and another provider continued to byte ${reply?.response.length}`,
    `the answer begins with the shown text, and one receipt covers it; ${killed} had signed ${signedBytes} bytes of it`,
  ]);
}

export function checkTampering({ probes }: RunRecord): Finding {
  const missed = probes.filter(({ failed, expected }) => !failed.includes(expected));
  const problems = missed.map(
    ({ what, expected, failed }) => `${what}: ${expected} did not fail (failed: ${failed.join(', ') || 'nothing'})`,
  );
  if (probes.length === 0) problems.push('nothing was tampered with');
  return judge(
    problems,
    probes.map(({ what, expected }) => `${what} -> ${expected}`),
  );
}

export function checkCheat(run: RunRecord): Finding {
  const problems: string[] = [];
  const good: string[] = [];
  const cheat = cheatOf(run);
  const rejected = entriesOf(run).filter(
    (entry) => toHex(entry.providerId) === cheat?.providerId && entry.verdict === 'reject',
  );
  if (rejected.length === 0) problems.push('no reply of the cheat was rejected');
  for (const { evidence, verifiers, replyId } of rejected) {
    good.push(
      `reply ${toHex(replyId).slice(0, 8)} rejected on ${evidence} evidence, reports of ${verifiers.length} verifiers`,
    );
  }
  const accepted = entriesOf(run).filter(
    (entry) => toHex(entry.providerId) === cheat?.providerId && entry.verdict === 'accept',
  );
  for (const { replyId } of accepted) problems.push(`reply ${toHex(replyId).slice(0, 8)} of the cheat was accepted`);
  if (run.cheat === 'prefill' || run.cheat === 'substitute') checkProof(run, problems, good);
  if (run.cheat === 'tamper' || run.cheat === 'withhold') {
    for (const { number, error } of run.replies) if (error) good.push(`request ${number} was refused: ${error}`);
  }
  return judge(problems, good);
}

/** Compares both stages on one signed reply of the cheat, recomputed from its opening. */
function checkProof(run: RunRecord, problems: string[], good: string[]): void {
  const proof = run.cheatProof;
  if (!proof) {
    problems.push("the cheat's reply was not checked");
    return;
  }
  const recordHash = toHex(run.crypto.sha256(proof.recordBytes));
  const logged = entriesOf(run).find((entry) => toHex(entry.replyId) === proof.replyId);
  if (!proof.isSignedByCheat) problems.push("the record is not signed by the cheat's key");
  if (!logged || toHex(logged.recordHash) !== recordHash) problems.push('the log names another record');
  const stage1 = failuresOf(proof.stage1);
  const { outcome, comparison, checks } = proof.stage2;
  const distance = comparison
    ? `sketch distance ${comparison.worstWindowSketchDistance.toFixed(4)}, kolmogorov ${comparison.worstWindowKolmogorov.toFixed(4)}`
    : 'no comparison';
  if (run.cheat === 'prefill') {
    if (outcome !== 'accept') problems.push(`stage 2's values alone say ${outcome}: ${failuresOf(checks).join('; ')}`);
    if (!proof.stage1.some(({ id, status }) => id === 'draw-replay' && status === 'fail')) {
      problems.push('stage 1 does not fail draw-replay');
    }
    good.push(`stage 2's values alone would accept: ${distance}`, `stage 1 rejects: ${stage1.join('; ')}`);
  } else {
    if (!isOk(proof.stage1)) problems.push(`stage 1 already rejects: ${stage1.join('; ')}`);
    if (outcome !== 'reject') problems.push(`stage 2 says ${outcome}: ${distance}`);
    good.push('stage 1 alone would accept: every draw replays', `stage 2 rejects: ${failuresOf(checks).join('; ')}`);
  }
}

export function checkEjection(run: RunRecord): Finding {
  const cheat = cheatOf(run);
  const ejection = run.ejections.find(({ providerId }) => providerId === cheat?.providerId);
  if (!cheat || !ejection) return { ok: false, evidence: ['the chain holds no ejection of the cheat'] };
  const problems: string[] = [];
  const entry = entriesOf(run).find(({ ejects, providerId }) => ejects && toHex(providerId) === cheat.providerId);
  if (!entry) problems.push('no verdict ejects the cheat');
  const after = run.replies.filter(
    ({ number }) => run.firstAfterEjection !== undefined && number >= run.firstAfterEjection,
  );
  if (after.length === 0) problems.push('no request was sent after the ejection');
  for (const reply of after) {
    if (!reply.receipts)
      problems.push(`request ${reply.number}, after the ejection, failed: ${reply.error ?? 'no receipt'}`);
    else if (toHex(parseOrder(reply.receipts.full.order.bytes).providerId) === cheat.providerId) {
      problems.push(`request ${reply.number}, after the ejection, went to the cheat`);
    }
  }
  const kind = entry?.evidence === 'exact' ? 'exact evidence, at once' : 'the sequential test';
  return judge(problems, [
    `${cheat.name} ejected by ${kind} in transaction ${ejection.transaction}`,
    `${after.length} later requests, none served by it`,
  ]);
}

/** Checks that every test was drawn, by recomputing the draws. The results of the tests are claims of the validators. */
export function checkTests({ tests: reports, members, chaos, logs }: RunRecord): Finding {
  const problems = reports.flatMap(({ validator, checks }) =>
    failuresOf(checks).map((failure) => `${validator}: ${failure}`),
  );
  const evidence: string[] = [];
  // A timed job repeats a reply of another provider.
  const accepted = logs.flatMap(({ entries }) => entries.filter(({ verdict }) => verdict === 'accept'));
  const hasWork = new Set(accepted.map(({ providerId }) => toHex(providerId))).size > 1;
  for (const [kind, what] of TESTS) {
    const told = reports.filter((report) => report.kind === kind);
    const tests = told.flatMap((report) => report.tests);
    if ((kind === 'canary' || hasWork) && !tests.some(({ isMissed }) => !isMissed))
      problems.push(`no ${what} was answered`);
    const parts: string[] = [];
    for (const { name, providerId, isCheat } of members.filter(({ role }) => role === 'provider')) {
      const own = tests.filter((test) => toHex(test.providerId) === providerId);
      const missed = own.filter(({ isMissed }) => isMissed).length;
      if (own.length > 0) parts.push(`${name} answered ${own.length - missed} of ${own.length}`);
      // A provider cannot serve while the validator of the request is down.
      if (!isCheat && !chaos && 2 * missed > own.length)
        problems.push(`${name} missed ${missed} of ${own.length}: ${what}`);
    }
    const asking = told.filter((report) => report.tests.length > 0).length;
    evidence.push(`${what}: ${tests.length} by ${asking} validators, each drawn by its beacon: ${parts.join(', ')}`);
  }
  return judge(problems, evidence);
}

const TESTS = [
  ['canary', 'unannounced request'],
  ['timed', 'job with a deadline'],
] as const;
