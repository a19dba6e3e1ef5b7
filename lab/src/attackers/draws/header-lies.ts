import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { NAT } from '@ogong/protocol/modality/text/sampling/sampler';
import type { AttackDefinition } from '../attack.ts';

interface Lie {
  readonly name: string;
  readonly aim: string;
  readonly caughtBy: readonly string[];
  readonly uncaught?: string;
  readonly change: (header: Header) => Header;
}

/** An honest reply under a header that lies in one field. */
const defineLie = ({ change, ...lie }: Lie): AttackDefinition => ({
  ...lie,
  family: 'commitment',
  create: ({ engine }) => ({
    name: lie.name,
    aim: lie.aim,
    engine,
    bendReply: (draft) => ({ ...draft, header: change(draft.header) }),
  }),
});

const other = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);

const LIES: readonly Lie[] = [
  {
    name: 'header-sampler',
    aim: 'declare the sampler that was used instead of the one that was asked for',
    caughtBy: ['sampler', 'draw-replay', 'listing', 'equality'],
    change: (header) => ({ ...header, sampler: { ...header.sampler, temperatureQ16: NAT >> 1 } }),
  },
  {
    name: 'header-tier',
    aim: 'claim a tier of other rules',
    caughtBy: ['posture', 'commitment-form'],
    change: (header) => ({ ...header, tier: 'vanilla' }),
  },
  {
    name: 'header-method',
    aim: 'declare another method than the one that proves the reply',
    caughtBy: ['posture'],
    change: (header) => ({ ...header, method: 'signature-only' }),
  },
  {
    name: 'header-max-tokens',
    aim: 'raise the limit, to bill more tokens',
    caughtBy: ['sampler', 'token-count'],
    change: (header) => ({ ...header, maxTokens: header.maxTokens + 100 }),
  },
  {
    name: 'header-prompt-tokens',
    aim: 'bill more prompt tokens than there were',
    caughtBy: ['prompt-tokens', 'fee'],
    change: (header) => ({ ...header, promptTokenCount: header.promptTokenCount + 40 }),
  },
  {
    name: 'header-output-tokens',
    aim: 'bill more output tokens than were drawn',
    caughtBy: ['token-count', 'header-inclusion', 'fee'],
    change: (header) => ({ ...header, outputTokenCount: header.outputTokenCount + 40 }),
  },
  {
    name: 'header-bank',
    aim: 'sketch along directions of its own choice',
    caughtBy: ['sketch-bank', 'equality'],
    change: (header) => ({ ...header, sketchBankSeed: other(header.sketchBankSeed) }),
  },
  {
    name: 'header-payee',
    aim: 'get the verdict and the fee under another payee than the one whose stake it was drawn by',
    caughtBy: ['payee'],
    change: (header) => ({ ...header, payee: other(header.payee) }),
  },
  {
    name: 'header-vocabulary-hash',
    aim: 'claim another tokenizer',
    caughtBy: ['vocabulary'],
    change: (header) => ({ ...header, vocabularyHash: other(header.vocabularyHash) }),
  },
  {
    name: 'header-vocabulary-size',
    aim: 'declare another vocabulary, so that a verifier has nothing to compare',
    caughtBy: ['vocabulary', 'response-text'],
    change: (header) => ({ ...header, vocabularySize: header.vocabularySize + 1 }),
  },
  {
    name: 'header-adapter',
    aim: 'declare an adapter that was not applied',
    caughtBy: ['sampler'],
    change: (header) => ({ ...header, parts: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] }),
  },
  {
    name: 'header-grammar',
    aim: 'declare a grammar that the request does not have',
    caughtBy: ['sampler'],
    change: (header) => ({ ...header, grammarHash: new Uint8Array(32).fill(2) }),
  },
  {
    name: 'header-answer-format',
    aim: "declare an answer format that is not the model's",
    caughtBy: ['vocabulary', 'response-text'],
    change: (header) => ({ ...header, answerFormat: { ...header.answerFormat, reasoning: 'opened' } }),
  },
  {
    name: 'header-embedding-size',
    aim: 'declare a model of another width',
    caughtBy: ['vocabulary', 'response-text'],
    change: (header) => ({ ...header, embeddingSize: header.embeddingSize + 1 }),
  },
];

export const HEADER_ATTACKS: readonly AttackDefinition[] = LIES.map(defineLie);
