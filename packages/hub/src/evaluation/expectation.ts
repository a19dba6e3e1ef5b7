import { createFieldReader } from './json-fields.ts';

/** The rule by which an answer counts as right (docs/spec/evaluation.md#scores). */
export type Expectation =
  | { readonly rule: 'exact' | 'contains'; readonly text: string }
  | { readonly rule: 'choice'; readonly text: string; readonly labels: readonly string[] };

const MAX_TEXT = 256;
const MAX_LABELS = 26;
const LABEL = /^[A-Za-z0-9]{1,8}$/;

/** Reads the field `expect` of a question. @param part names the question in errors. @throws ProtocolError */
export function readExpectation(value: unknown, part: string): Expectation {
  const { refuse, readObject, readText } = createFieldReader(part);
  const fields = readObject(value, ['exact', 'contains', 'choice', 'of']);
  const rules = (['exact', 'contains', 'choice'] as const).filter((rule) => fields[rule] !== undefined);
  const [rule] = rules;
  if (rule === undefined || rules.length > 1) return refuse('expect has one of exact, contains and choice');
  const text = readText(fields[rule], rule, MAX_TEXT);
  if (rule !== 'choice') {
    if (fields.of !== undefined) return refuse('of belongs to choice');
    return isBlank(text) ? refuse(`${rule} is blank`) : { rule, text };
  }
  const labels = readLabels(fields.of, refuse);
  return labels.includes(text) ? { rule, text, labels } : refuse('choice is none of the labels');
}

function readLabels(value: unknown, refuse: (reason: string) => never): readonly string[] {
  if (!Array.isArray(value) || value.length < 2 || value.length > MAX_LABELS)
    return refuse(`of has 2 to ${MAX_LABELS} labels`);
  if (!value.every((label): label is string => typeof label === 'string' && LABEL.test(label)))
    return refuse('a label has 1 to 8 letters and digits');
  return new Set(value).size === value.length ? value : refuse('one label twice');
}

const SPACES = ' \t\r\n';

/** Removes spaces, tabs and line ends of ASCII at both ends: the same characters in each language. */
function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && SPACES.includes(text[from] as string)) from++;
  while (to > from && SPACES.includes(text[to - 1] as string)) to--;
  return text.slice(from, to);
}

const isBlank = (text: string): boolean => trim(text) === '';
const toLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Returns whether an answer is right. */
export function isRight(answer: string, expected: Expectation): boolean {
  switch (expected.rule) {
    case 'exact':
      return trim(answer) === trim(expected.text);
    case 'contains':
      return findAlone(toLower(answer), toLower(trim(expected.text))) !== undefined;
    case 'choice':
      return findFirstLabel(answer, expected.labels) === expected.text;
  }
}

/** Finds the label that stands alone first in the answer. */
function findFirstLabel(answer: string, labels: readonly string[]): string | undefined {
  const found = labels.flatMap((label) => {
    const at = findAlone(answer, label);
    return at === undefined ? [] : [{ label, at }];
  });
  return found.sort((a, b) => a.at - b.at)[0]?.label;
}

/** Finds a text that has no letter or digit directly beside it. @returns its first position. */
function findAlone(answer: string, text: string): number | undefined {
  for (let at = answer.indexOf(text); at >= 0; at = answer.indexOf(text, at + 1))
    if (!isWordBefore(answer, at) && !isWordAt(answer, at + text.length)) return at;
  return undefined;
}

const WORD = /^[\p{L}\p{N}]/u;
const isWordAt = (answer: string, at: number): boolean => WORD.test(answer.slice(at, at + 2));
const isWordBefore = (answer: string, at: number): boolean => {
  const before = [...answer.slice(Math.max(0, at - 2), at)].at(-1);
  return before !== undefined && WORD.test(before);
};
