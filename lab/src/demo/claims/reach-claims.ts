import { equalBytes, fromHex, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { type CandidateList, parseCandidates, weighList } from '@ogong/protocol/exchange/match';
import { findMisrouting, isNamedList } from '@ogong/protocol/exchange/misrouting';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseTicket, verifyTicket } from '@ogong/protocol/exchange/ticket';
import { holdsText } from '../../privacy/search-files.ts';
import type { AskedReply, ReachRecord, RunRecord } from '../run-record.ts';
import { type Finding, failuresOf, judge, nameOf, sum } from './finding.ts';

/** First bytes of a sealed request (docs/spec/sealing.md). */
const SEALED_REQUEST = 'ogong-sealed-request-v1';
/** A link's handshake alone is longer. */
const LEAST_LINE = 2_000;
/** Bytes of the answer's beginning and end to search for: the answer is sent in pieces. */
const PIECE = 16;

const findReply = ({ replies }: RunRecord, number: number): AskedReply | undefined =>
  replies.find((reply) => reply.number === number);

export function checkRelayed(run: RunRecord): Finding {
  const { relayed } = run.reach as ReachRecord;
  const { receipts, error } = findReply(run, relayed.number) ?? {};
  if (!receipts) return judge([`request ${relayed.number} was not answered: ${error ?? 'no receipt'}`], []);
  const problems: string[] = [];
  const { providerEndpoint } = parseTicket(receipts.full.ticket.bytes);
  const { providerId } = parseOrder(receipts.full.order.bytes);
  if (!equalBytes(providerId, fromHex(relayed.providerId))) problems.push('another provider served it');
  if (!providerEndpoint.startsWith('relay/') || providerEndpoint.includes(',')) {
    problems.push(`its ticket names another way: ${providerEndpoint}`);
  }
  if (relayed.line.length < LEAST_LINE) problems.push(`only ${relayed.line.length} bytes passed the relay`);
  const name = nameOf(run.members, providerId);
  return judge(problems, [
    `answer ${relayed.number} by ${name}, whose only address is ${providerEndpoint}; ${relayed.line.length} bytes passed there meanwhile`,
  ]);
}

export function checkSealed(run: RunRecord): Finding {
  const { relayed } = run.reach as ReachRecord;
  const { line, inside, number } = relayed;
  const reply = findReply(run, number);
  if (!reply?.receipts) return judge([`request ${number} was not answered: ${reply?.error ?? 'no receipt'}`], []);
  const problems: string[] = [];
  const answer = utf8Decode(reply.response);
  const pieces = [answer.slice(0, PIECE), answer.slice(-PIECE)].filter((piece) => piece.length === PIECE);
  if (pieces.length === 0) problems.push('the answer is too short to search for');
  for (const [where, bytes] of Object.entries({ 'on the line': line, 'within TLS': inside })) {
    for (const [what, text] of [['the prompt', reply.prompt], ...pieces.map((piece) => ['the answer', piece])]) {
      if (holdsText(bytes, text as string)) problems.push(`${what} can be read ${where}`);
    }
  }
  const sealedAt = Buffer.from(inside).indexOf(SEALED_REQUEST);
  if (sealedAt < 0) problems.push('no sealed request passed');
  const show = (bytes: Uint8Array, from: number): string => toHex(bytes.subarray(from, from + 16));
  return judge(problems, [
    `the relay copied ${line.length} bytes, such as ${show(line, line.length >> 1)}; neither prompt nor answer is among them`,
    `nor among the ${inside.length} bytes within TLS, where the sealed request goes on with ${show(inside, sealedAt + SEALED_REQUEST.length + 1)}`,
  ]);
}

export function checkFastest(run: RunRecord): Finding {
  const { ticket: signed, candidates, number } = (run.reach as ReachRecord).fastest;
  const { crypto } = run;
  const problems: string[] = [];
  if (!findReply(run, number)?.receipts) problems.push(`request ${number} was not answered`);
  const { issuedAtMs } = parseTicket(signed.ticket);
  const [routerId] = run.trust.routers ?? [];
  const { checks, ticket } = verifyTicket(crypto, signed, {
    nowMs: issuedAtMs,
    ...(routerId && { routerId }),
  });
  problems.push(...failuresOf(checks));
  if (ticket === undefined) return judge([...problems, 'the ticket cannot be read'], []);
  if (!isNamedList(crypto, { ticket, candidates })) return judge([...problems, 'the ticket names another list'], []);
  const misrouting = findMisrouting(crypto, { ticket, candidates });
  if (misrouting !== undefined) problems.push(misrouting);
  const list = parseCandidates(candidates);
  if (list.asked.sort !== 'latency') problems.push(`the list is drawn by ${list.asked.sort}`);
  if (list.candidates.every(({ figures }) => figures.latencyMs === 0))
    problems.push('the router has measured no provider');
  const drawn = nameOf(run.members, ticket.providerId);
  return judge(problems, [
    `answer ${number} was received; the router signed these chances for a route by latency: ${describeChances(run, list)}; it drew ${drawn}`,
  ]);
}

/** Each candidate with its latency and its share of the draw, fastest first. */
function describeChances({ members }: RunRecord, list: CandidateList): string {
  const weights = weighList(list);
  const total = sum(weights) || 1n;
  return list.candidates
    .map(({ providerId, figures }, i) => ({
      name: nameOf(members, providerId),
      latencyMs: figures.latencyMs || Number.POSITIVE_INFINITY,
      percent: Number((100n * (weights[i] as bigint)) / total),
    }))
    .sort((a, b) => a.latencyMs - b.latencyMs)
    .map(
      ({ name, latencyMs, percent }) =>
        `${name} ${latencyMs === Number.POSITIVE_INFINITY ? 'unmeasured' : `${latencyMs} ms`}, ${percent} %`,
    )
    .join('; ');
}
