/** A house word that means something else in plain English, or that the field has another word for. */
export interface HouseWord {
  readonly word: string;
  /** Finds the house meaning alone, in a sentence without code and quotations. */
  readonly pattern: RegExp;
  readonly useInstead: string;
  /** Finds sentences in which the word has its ordinary meaning. */
  readonly unless?: RegExp;
  /** Finds paths in which the word is the right one. */
  readonly allowedIn?: RegExp;
}

const ROLE =
  '(?:payer|payee|provider|validator|verifier|gateway|router|relay|cohort|leader|member|client|consumer|customer|witness|signer|operator|peer|opponent|holder|owner|buyer|seller|committee|server|machine|attacker|co-signer)';
const PARTICIPLE = '(?:heard|told|given|asked|held|kept)';
const AFTER_A_NOUN =
  '(?=[.,;:)]|$| (?:is|are|was|were|has|have|had|of|by|that|and|or|to|with|from|in|at|on|for|does|do|can|may|must|will)\\b)';

export const HOUSE_WORDS: readonly HouseWord[] = [
  {
    word: 'word (a signed statement)',
    pattern: new RegExp(
      [
        `\\b${ROLE}(?:'s|s'|’s|s’) (?:own |last |first |newest |better |signed |later )?words?\\b`,
        `\\bwords? (?:of|from|by) (?:(?:a|an|the|its|this|that|one|each|every|another|two) )?${ROLE}s?\\b`,
        `\\b(?:better|signed|newest|later|older|sworn|reveal|cohort|payee|intake) words?\\b`,
        "\\b(?:its|their|his|our|whose|nobody’s|nobody's) (?:own |last |newest )?word\\b",
        '\\bwords? (?:(?:is|was|are|were|has|have|had|been|that|it|had) )*signed\\b',
        '\\b(?:signs?|signed|gives?|gave|keeps?|breaks?|broke) (?:a|an|the|its|their|this|that|such|no) words?\\b',
      ].join('|'),
      'i',
    ),
    useInstead: 'signed statement, signature, agreement, receipt',
    unless: /\bword for word\b|\bin other words\b/i,
  },
  { word: 'sitting', pattern: /\bsittings?\b/i, useInstead: 'audit attempt, audit retry' },
  { word: 'seat', pattern: /\bseat(?:s|ed)?\b/i, useInstead: 'committee member, place in the committee' },
  { word: 'deed', pattern: /\bdeeds?\b/i, useInstead: 'operator action, action' },
  {
    word: 'door',
    pattern: /\bdoors?\b/i,
    useInstead: 'rate limiter, admission, entry point',
    unless: /\bback ?doors?\b/i,
  },
  {
    word: 'book (a store)',
    pattern:
      /\b(?:an?|the|its|their|our|own|this|that|each|every|one|both|two|no|order|money|mint|offence|appeal|emission|channel|ledger|in|of|whose|\w+'s) books?\b/i,
    useInstead: 'store, ledger, table',
    unless: /\bbooks? (?:about|by)\b|\blibrary\b/i,
  },
  {
    word: 'judge (outside of verdicts)',
    pattern: /(?<!\b(?:an?|the|no|each|every|one|its) )\bjudg(?:e|es|ed|ing)\b/i,
    useInstead: 'check, decide, compare',
    unless:
      /\b(?:verdicts?|reports?|repl(?:y|ies)|audit(?:s|ed|ing)?|openings?|evidence|verifiers?|panels?|appeals?|cases?)\b/i,
    allowedIn: /(?:^|\/)(?:verdict|audit)/,
  },
  {
    word: 'heard, told, given, asked, held, kept (as nouns)',
    pattern: new RegExp(`\\b(?:the|its|those|these|each|every) ${PARTICIPLE}${AFTER_A_NOUN}`, 'i'),
    useInstead: 'a noun: message, request, argument, record, store',
  },
  {
    word: 'take in',
    pattern:
      /\b(?:takes?|taken|took|taking) in\b(?! (?:(?:the|this|that|an?|its|their) )?(?:order|turns?|ascending|descending|sequence|parallel|one|two|seconds|minutes|hours|days|ms|epoch|advance|total|all|steps?|place|time|exchange|another order|any order|that order|vain)\b)/i,
    useInstead: 'accept, store',
  },
  {
    word: 'hold against',
    pattern: /\b(?:hold|holds|held|holding) (?:[\w'’\ue000-]+ ){0,4}?against\b/i,
    useInstead: 'compare with, charge, blame for',
  },
  {
    word: 'whoever',
    pattern: /\bwho(?:m|so)?ever\b/i,
    useInstead: 'the role: a payer, any caller, the provider that …',
  },
];
