import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import type { Memory, StoredEvidence } from '../memory.ts';
import { readAnswerText, readChatRequest } from '../models/read-evidence.ts';
import { readShownQuestions, readUpdate } from '../pipeline/update.ts';

/** Checks that the answer chose to store the memory, and the head that it replaces. */
export function checkUpdate({ text, supersedes }: Memory, call: StoredEvidence | undefined): Check {
  if (call === undefined) return skip('update', 'there is no call to compare with');
  const request = readChatRequest(call);
  const questions = request && readShownQuestions(request);
  if (questions === undefined) return fail('update', 'the request is none of this service for updates');
  const choices = readUpdate(readAnswerText(call), questions);
  const isChosen = questions.some((question, index) => {
    const choice = choices[index] ?? 'none';
    if (question.text !== text || choice === 'none') return false;
    // A second memory of one call about the same head stands beside the first one.
    return supersedes === undefined || (choice !== 'add' && choice.supersede === supersedes);
  });
  return check('update', isChosen, ['the answer chose this', 'the answer chose something else']);
}
