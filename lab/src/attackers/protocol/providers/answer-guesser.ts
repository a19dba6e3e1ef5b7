import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes, equalBytes, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Blinds, computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { hashLeaf } from '@ogong/protocol/crypto/merkle';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { hashBeginning, parseProgress, signProgress } from '@ogong/protocol/exchange/progress';
import { hashTokens, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { bareSubmission } from '@ogong/protocol/verdict/summarize';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { defineAttack } from '../define-attack.ts';

const ANSWERS = ['no', 'maybe', 'yes'];
const PROMPT_TOKENS = [[1], [1, 2], [1, 2, 3]];
const NOTHING = new Uint8Array(32);

/**
 * Keeps what a validator or a co-signer is handed of a reply that nobody audits, and tries short answers. It knows more
 * than it could: the prompt, its tokens, and all that the model computed for each answer. It lacks only the salt.
 */
export const answerGuesser = defineAttack({
  name: 'answer-guesser',
  adversary: 'validator, co-signer or relay that tries short answers against stored hashes',
  aim: 'learn which of a few answers a reply gave, or confirm a prompt',
  stoppedBy: 'Hashes of answer, tokens and prompt are blinded by the body, and clients salt the body',
  restarts: { none: 'it only computes with what it was sent' },
  play({ salt, blinds }: { readonly salt?: string | undefined; readonly blinds?: (blinds: Blinds) => Blinds }) {
    const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
    const provider = createNobleHybridSigner(new Uint8Array(64).fill(0x43));
    const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0x11) };
    const text = 'yes';
    const messages = [{ role: 'user', content: 'Do I have it? Answer yes or no.' }];
    const served = createSyntheticReply({
      ...{ crypto, payer, provider, ledger, tokens: 2 },
      parameters: { messages, ...(salt !== undefined && { ogong: { salt } }) },
      bend: { ...(blinds && { blinds }) },
      text,
    });
    const { order, opening, record, request, response } = served;
    const handed = bareSubmission(crypto, {
      order: { order: served.orderBytes, signature: served.orderSignature },
      record: { record: served.recordBytes, providerKey: provider.publicKey, signature: served.recordSignature },
      ...{ header: opening.header, headerProof: computeCommitment(crypto, opening).headerProof },
      ...{ request, endpoint: 'chat', response, payeeWord: new Uint8Array(65) },
    });
    const used = blinds?.(computeBlinds(crypto, { body: request, replyId: record.replyId }));
    const blind = used?.answer ?? opening.blind;
    const word = signProgress(crypto, payer, {
      ...{ ledger, orderHash: order.orderHash, textBytes: response.length, hasLeft: true },
      textHash: hashBeginning(crypto, blind, response),
    });

    // From here on it has what it was handed, and its guesses.
    const { outputTokensHash, promptTokensHash } = parseHeader(handed.header);
    const { responseHash } = parseRecordV2(handed.record.record);
    const { textHash } = parseProgress(word.progress);
    const [leaf] = handed.headerProof;
    const unsalted = utf8Encode(utf8Decode(request).replace(/,"ogong":\{"salt":"[0-9a-f]+"\}/, ''));
    const tried: readonly Blinds[] = [
      { prompt: NOTHING, answer: NOTHING },
      computeBlinds(crypto, { body: unsalted, replyId: record.replyId }),
    ];
    const [window] = opening.windows;
    if (leaf === undefined || window === undefined) throw new Error('a reply without a window');
    const drawn = concatBytes(crypto.sha256(window.draws), crypto.sha256(window.sketch));
    const found = new Set<string>();
    let guesses = 0;
    for (const { prompt, answer } of tried) {
      const note = (what: string, guessed: Uint8Array, hash: Uint8Array): void => {
        guesses++;
        if (equalBytes(guessed, hash)) found.add(what);
      };
      for (const guess of ANSWERS.map(utf8Encode)) {
        note('response', hashResponse(crypto, answer, guess), responseHash);
        note('progress', hashBeginning(crypto, answer, guess), textHash);
      }
      for (const tokens of PROMPT_TOKENS) note('prompt', hashTokens(crypto, prompt, tokens), promptTokensHash);
      for (const tokens of [[7, 8], served.outputTokens]) {
        note('output tokens', hashTokens(crypto, answer, tokens), outputTokensHash);
      }
      note('leaf', hashLeaf(crypto, concatBytes(drawn, answer)), leaf);
      note('leaf', hashLeaf(crypto, drawn), leaf);
    }
    return { hashes: 5, guesses, found: [...found].sort() };
  },
  async stage({ play }) {
    const { hashes, guesses, found } = play({ salt: '5a'.repeat(16) });
    const bare = play({});
    return {
      tried: `tried ${guesses} guesses on ${hashes} hashes of a reply of one word`,
      answered: [
        `found of a salted request: ${found.join(', ') || 'nothing'}`,
        `of one without a salt, whose prompt it knows: ${bare.found.join(', ') || 'nothing'}`,
      ],
      worked: found.length > 0 || hashes !== bare.found.length || guesses <= 20,
    };
  },
});
