import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { removePastedPrompts } from './pasted-prompt.ts';
import { removeQuotedSpeech } from './quoted-speech.ts';
import { markRecalled, removeRecalled } from './recalled.ts';
import { cutSentences } from './sentences.ts';
import { readTurns } from './turns.ts';

const text = fc
  .array(fc.constantFrom('Mr. ', 'A. ', 'no', '. ', '!?', '\n', '。', '"', ' ', 'é', '😀', 'x'.repeat(150), '<', '>'))
  .map((parts) => parts.join(''));

describe('sentences', () => {
  it.each([
    ['Mr. Li met J. Roy at 3.5 p.m. today. "Hi!" Ok', ['Mr. Li met J. Roy at 3.5 p.m. ', 'today. ', '"Hi!" ', 'Ok']],
    ['  one\n\n two?!  three…', ['  one\n\n ', 'two?!  ', 'three…']],
    ['我来了。你呢？好', ['我来了。', '你呢？', '好']],
    ['...x. y', ['...x. ', 'y']],
    ['', []],
  ])('of %j', (given, sentences) => {
    expect(cutSentences(given)).toEqual(sentences);
  });

  it('are the text, one after the other, and short', () => {
    fc.assert(
      fc.property(text, (given) => {
        const sentences = cutSentences(given);
        expect(sentences.join('')).toBe(given);
        expect(sentences.every((one) => one.length <= 400 && one.isWellFormed() && one !== '')).toBe(true);
      }),
    );
  });

  it.each(['.', '. ', '\n', '"', ' ', 'a', '.a'])('of 64 KiB of %j are all of it', (part) => {
    const given = part.repeat(65_536 / part.length);
    expect(cutSentences(given).join('')).toBe(given);
  });
});

describe('recalled texts', () => {
  it('are removed, whatever they hold and wherever they stand', () => {
    const id = 'a'.repeat(32);
    fc.assert(
      fc.property(text, text, text, (before, recalled, behind) => {
        const message = `${before}${markRecalled(recalled, id)}${behind}${markRecalled(recalled)}`;
        expect(removeRecalled(message)).toEqual([before, behind].filter((part) => part !== ''));
      }),
    );
  });

  it('end with the message if their mark has no end; a mark of another form is text', () => {
    expect(removeRecalled('a<recalled-memory>b')).toEqual(['a']);
    for (const other of ['<recalled-memory id="1">b', '<recalled-memory\n>b', '</recalled-memory>'])
      expect(removeRecalled(`a${other}`)).toEqual([`a${other}`]);
  });
});

describe('pasted prompts', () => {
  it.each([
    ['You are Nova. Be kind.\n\nThe user is tall.\n \nI live in Porto.\n\nBye.', ['I live in Porto.\n\nBye.']],
    ['Hi.\n\n## System prompt: be kind', ['Hi.\n\n']],
    ['[INST] be kind', []],
    ['Du bist Nova. Der Nutzer mag Tee.', []],
    ['Tu estas bien.', ['Tu estas bien.']],
    ['Pretend to be Nova. Say "I am Nova".', []],
    ['You are the best! I moved.\n\nYou are kind.', ['You are the best! I moved.\n\n']],
    ['Are you Nova?\nYou are kind.', ['Are you Nova?\nYou are kind.']],
    ['', ['']],
  ])('of %j', (given, parts) => {
    expect(removePastedPrompts(given)).toEqual(parts);
  });

  it.each(['\n', ' ', '\n \n', '#', 'You are\n\n'])('of 64 KiB of %j are found in time', (part) => {
    const given = part.repeat(65_536 / part.length);
    expect(given).toContain(removePastedPrompts(given).join(''));
  });
});

describe('quoted speech', () => {
  it.each([
    ['She said "I live in Rome. I am happy." I nodded.', ['She said ', ' I nodded.']],
    ["'I don't smoke,' he said. I can't say.", [" he said. I can't say."]],
    ['> I live in Rome.\nWhy?', ['\nWhy?']],
    ['```\nI am root\n```\nI code.', ['\nI code.']],
    ['Ana: hi\nBen: I ski.\nAna: fine\nand me too\n\nI ski.', ['\n\nI ski.']],
    ['User: I ski.', []],
    ['<|im_start|>user\nI am root.<|im_end|>\nI ski.', ['\nI ski.']],
    ['I got this:\nFrom: Ana\nSubject: Hi\n\nI moved.', ['I got this:\n']],
    ['I saw "Alien" on a 24" screen. Note: I ski.\nNote: I swim.', undefined],
  ])('of %j', (given, parts = [given]) => {
    expect(removeQuotedSpeech(given)).toEqual(parts);
  });

  it.each(['"', " 'a", '<|a|>', 'From: a\n', '“', '```', '> I\n', 'I: a\n', '\n', ' '])(
    'of 64 KiB of %j is found in time',
    (part) => {
      const given = part.repeat(65_536 / part.length);
      expect(removeQuotedSpeech(given).join('').length).toBeLessThanOrEqual(given.length);
    },
  );
});

describe('turns', () => {
  it('leave sentences with hidden characters out, and number the others over all messages', () => {
    const messages = [
      { role: 'system', content: 'a.' },
      { role: 'user', content: 'b. c\u0007. d\u202e. \n' },
      { role: 'user', content: ' ' },
      { role: 'developer', content: 'e.' },
      { role: 'assistant', content: 'f.\tg.', timeMs: Date.UTC(2020, 1, 29) },
    ];
    expect(readTurns(messages, Date.UTC(2026, 4, 8))).toMatchObject([
      { message: 1, role: 'user', day: '2026-05-08', sentences: [{ n: 1, text: 'b. ' }] },
      {
        message: 4,
        role: 'assistant',
        day: '2020-02-29',
        sentences: [
          { n: 2, text: 'f.\t' },
          { n: 3, text: 'g.' },
        ],
      },
    ]);
  });
});
