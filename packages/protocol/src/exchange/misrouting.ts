import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type Candidate,
  type CandidateList,
  computeMatchSeed,
  hashCandidates,
  openMatch,
  parseCandidates,
} from './match.ts';
import type { Ticket } from './ticket.ts';

/** The joint claim of a ticket and the list that it names. */
export interface MatchClaim {
  readonly ticket: Ticket;
  /** Exact bytes. */
  readonly candidates: Uint8Array;
}

/** Returns whether these bytes are the list that the ticket names. With another list no router can be accused. */
export function isNamedList(crypto: Crypto, { ticket, candidates }: MatchClaim): boolean {
  return equalBytes(hashCandidates(crypto, candidates), ticket.candidatesHash);
}

/**
 * Finds the reason that a router misrouted, from its own signature (docs/spec/match.md#misrouting). A valid ticket and the list
 * that it names prove it to anybody. Undefined if they agree. The caller has checked the ticket's signature, and isNamedList.
 */
export function findMisrouting(crypto: Crypto, { ticket, candidates }: MatchClaim): string | undefined {
  let list: CandidateList;
  let drawn: Candidate | undefined;
  try {
    list = parseCandidates(candidates);
    drawn = openMatch(crypto, candidates)(computeMatchSeed(crypto, ticket.replyId));
  } catch (error) {
    if (error instanceof ProtocolError) return `its list is none: ${error.message}`;
    throw error;
  }
  if (list.modelId !== ticket.modelId) return 'its list is of another model';
  if (drawn === undefined || !equalBytes(drawn.providerId, ticket.providerId)) {
    return 'its draw does not replay: the figures of the list give another provider';
  }
  const isSame =
    equalBytes(drawn.payee, ticket.payee) &&
    drawn.contextSize === ticket.contextSize &&
    drawn.pricePer1kAtomic === ticket.pricePer1kAtomic;
  if (!isSame) return 'its draw does not replay: the ticket has other terms than the list';
  return findListProblem(list);
}

/** Finds a contradiction between a list and its request. */
function findListProblem({ asked, candidates }: CandidateList): string | undefined {
  if (candidates.some(({ pricePer1kAtomic }) => pricePer1kAtomic > asked.maxPricePer1kAtomic)) {
    return 'it lists providers above the highest price that was asked for';
  }
  if (candidates.some(({ heldTokens }) => heldTokens < asked.minHeldTokens)) {
    return 'it lists providers with less at stake than was asked for';
  }
  const rooms = candidates.map((each) => Math.min(each.contextSize, asked.contextSize));
  if (rooms.some((room) => room !== rooms[0])) {
    return 'it lists providers with less room than others of the list have';
  }
  return undefined;
}
