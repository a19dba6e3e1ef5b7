import { type Check, check, fail, pass, skip } from '@ogong/protocol/base/checks';
import type { Memory, StoredEvidence } from '../memory.ts';
import { readAnswerText, readChatRequest } from '../models/read-evidence.ts';
import { checkCandidate } from '../pipeline/check-candidate.ts';
import { readExtraction, readShownTurns, type ShownTurns } from '../pipeline/extraction-prompt.ts';
import { hashMessage } from '../pipeline/turns.ts';

interface ExtractionInput {
  readonly memory: Memory;
  /** Undefined if it was erased or its receipt failed. */
  readonly call: StoredEvidence | undefined;
  readonly message?: string;
}

/** Checks a memory against the call that proposed it: `quote`, `message-hash`, `candidate`. */
export function checkExtraction({ memory, call, message }: ExtractionInput): readonly Check[] {
  const quote = memory.quote as NonNullable<Memory['quote']>;
  const request = call && readChatRequest(call);
  const turns = request && readShownTurns(request);
  if (call !== undefined && turns === undefined)
    return [fail('quote', 'the request is none of this service for memories')];
  return [
    turns === undefined ? checkQuoteInMessage(quote.words, message) : checkQuote(quote, turns),
    checkHash(quote, { message, turns: turns ?? [] }),
    call === undefined || turns === undefined
      ? skip('candidate', 'there is no call to compare with')
      : checkProposed(memory, call, turns),
  ];
}

const QUOTE_WORDS = ['the quoted words stand in the message', 'the quoted words do not stand in the message'] as const;

const checkQuoteInMessage = (words: string, message: string | undefined): Check =>
  message === undefined
    ? skip('quote', 'there is no message to compare with')
    : check('quote', message.includes(words), QUOTE_WORDS);

const joinSentences = (turns: ShownTurns, message: number): string =>
  turns
    .filter((turn) => turn.message === message)
    .flatMap(({ sentences }) => sentences.map(({ text }) => text))
    .join('');

function checkQuote({ words, message, role }: NonNullable<Memory['quote']>, turns: ShownTurns): Check {
  const isRole = turns.some((turn) => turn.message === message && turn.role === role);
  return check('quote', isRole && joinSentences(turns, message).includes(words), QUOTE_WORDS);
}

/** The model saw the whole message, unless a recalled text was removed from it or another call read a part of it. */
function checkHash(
  quote: NonNullable<Memory['quote']>,
  { message, turns }: { readonly message: string | undefined; readonly turns: ShownTurns },
): Check {
  const words = ['the hash is that of the message', 'the hash is that of another message'] as const;
  if (message !== undefined) return check('message-hash', hashMessage(message) === quote.messageHash, words);
  const isWhole = hashMessage(joinSentences(turns, quote.message)) === quote.messageHash;
  return isWhole ? pass('message-hash', words[0]) : skip('message-hash', 'the call does not hold the whole message');
}

function checkProposed({ text, subject, quote }: Memory, call: StoredEvidence, turns: ShownTurns): Check {
  const { candidates } = readExtraction(readAnswerText(call));
  const isProposed = candidates.some((candidate) => {
    const checked = candidate && checkCandidate(candidate, turns);
    if (checked === undefined || !('supported' in checked)) return false;
    const { supported } = checked;
    const isSameQuote = supported.words === quote?.words && supported.turn.message === quote.message;
    return supported.text === text && supported.subject === subject && isSameQuote;
  });
  return check('candidate', isProposed, [
    'the answer proposes this memory with this quote, and its words support it',
    'the answer proposes no such memory',
  ]);
}
