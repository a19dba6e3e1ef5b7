import { isInFirstPerson } from './clauses/subject.ts';
import { removeQuotedSpeech } from './quoted-speech.ts';
import { readWords } from './words.ts';

/** How a prompt for a model begins. */
const PROMPT = new RegExp(
  [
    '^[\\s#*>`"\'“_[<|-]*(?:system(?: prompt| message)?\\s*[:\\]>]|im_start\\|?>|inst\\b|instructions?:',
    "you are\\b|you're\\b|act as\\b|pretend\\b|ignore (?:all|any|the|your)\\b|your (?:task|role|job|name) is\\b",
    '(?:du bist|sie sind|tu es|vous êtes|eres|usted es)(?!\\p{L}))',
  ].join('|'),
  'iu',
);
/** A blank line, with the line end before it. */
const PARAGRAPH_END = /(?<=\n[^\S\n]*\n)/u;

/**
 * Removes prompts that a user pastes into a message (docs/spec/memory.md#pasted-prompts). A prompt begins a paragraph and ends before the
 * next one in the first person.
 * @returns the parts around them, in order.
 */
export function removePastedPrompts(text: string): readonly string[] {
  const parts: string[] = [];
  let [isPrompt, isJoined] = [false, false];
  for (const paragraph of text.split(PARAGRAPH_END)) {
    isPrompt =
      (isPrompt || PROMPT.test(paragraph)) && !isInFirstPerson(readWords(removeQuotedSpeech(paragraph).join(' ')));
    if (isPrompt) isJoined = false;
    else {
      parts.push(isJoined ? `${parts.pop()}${paragraph}` : paragraph);
      isJoined = true;
    }
  }
  return parts;
}
