import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { findFamilyText, toCallTurns, toPlainTurns } from './family-text.ts';
import { createLiteralText } from './literal-text.ts';

const messages: readonly ChatMessage[] = [
  { role: 'user', content: 'a  b', parts: [{ text: 'a ' }, { picture: 'p' }, { text: ' b' }] },
  { role: 'assistant', content: 'c' },
  { role: 'user', content: 'd', parts: [{ picture: 'q' }, { picture: 'r' }, { text: 'd' }] },
];

it.each([
  [
    '<|im_start|>',
    '<|im_start|>user\na [img] b<|im_end|>\n<|im_start|>assistant\nc<|im_end|>\n<|im_start|>user\n[img][img]d<|im_end|>\n<|im_start|>assistant\n',
  ],
  [
    '<|start_header_id|>',
    '<s><|start_header_id|>user<|end_header_id|>\n\na [img] b<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nc<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n[img][img]d<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  ],
  [
    '<|header_start|>',
    '<s><|header_start|>user<|header_end|>\n\na [img] b<|eot|><|header_start|>assistant<|header_end|>\n\nc<|eot|><|header_start|>user<|header_end|>\n\n[img][img]d<|eot|><|header_start|>assistant<|header_end|>\n\n',
  ],
  [
    '<|turn>',
    '<s><|turn>user\na [img] b<turn|>\n<|turn>model\nc<turn|>\n<|turn>user\n[img][img]d<turn|>\n<|turn>model\n',
  ],
  [
    '<start_of_turn>',
    '<s><start_of_turn>user\na [img] b<end_of_turn>\n<start_of_turn>model\nc<end_of_turn>\n<start_of_turn>user\n[img][img]d<end_of_turn>\n<start_of_turn>model\n',
  ],
  [
    '<|start_of_role|>',
    '<|start_of_role|>user<|end_of_role|>a [img] b<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>c<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>[img][img]d<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
  ],
  [
    '<|START_OF_TURN_TOKEN|>',
    '<s><|START_OF_TURN_TOKEN|><|USER_TOKEN|>a [img] b<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>c<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>[img][img]d<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>',
  ],
  [
    '<|start|><|message|>',
    '<|start|>user<|message|>a [img] b<|end|><|start|>assistant<|message|>c<|end|><|start|>user<|message|>[img][img]d<|end|><|start|>assistant',
  ],
  ['<｜User｜>', '<s><｜User｜>a [img] b<｜Assistant｜>c</s><｜User｜>[img][img]d<｜Assistant｜>'],
  ['[INST]', '<s>[INST] a [img] b [/INST]c</s>[INST] [img][img]d [/INST]'],
  ['<|user|>', '<|user|>\na [img] b</s>\n<|assistant|>\nc</s>\n<|user|>\n[img][img]d</s>\n<|assistant|>\n'],
  ['no family', 'user: a [img] b\nassistant: c\nuser: [img][img]d\nassistant:'],
])('keeps pictures in their places in the text of the family of %s', (sign, expected) => {
  // A template that refuses everything shows its family by the text of a note.
  const template = createChatTemplate(`{# ${sign} #}{{ raise_exception('no') }}`, {
    ...{ bosToken: '<s>', eosToken: '</s>', literal: createLiteralText([]), pictureMark: '[img]' },
  });
  expect(template.render({ messages })).toBe(expected);
});

it('keeps a picture of a tool behind the answers of its turn', () => {
  const template = createChatTemplate(`{# <|im_start|> #}{{ raise_exception('no') }}`, {
    ...{ bosToken: '<s>', eosToken: '</s>', literal: createLiteralText([]), pictureMark: '[img]' },
  });
  const looped: readonly ChatMessage[] = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: '', calls: [{ id: '1', name: 'look', arguments: '{}' }] },
    { role: 'tool', content: 'x', callId: '1', parts: [{ text: 'x' }, { picture: 'p' }] },
  ];
  const [, answered = ''] = template.render({ messages: looped }).split('</tool_call>');
  expect(answered).toMatch(/<tool_response>\nx\n<\/tool_response>[^[]*\[img\]<\|im_end\|>\n<\|im_start\|>assistant\n$/);
});

it.each([
  ['plain turns', toPlainTurns],
  ['turns with calls', toCallTurns],
])('joins a long text and many short ones to %s in time', (_, join) => {
  const long = 'x'.repeat(4 * 1_024 * 1_024);
  const start = performance.now();
  const [turn, ...others] = join([
    ...[long, ''].map((content) => ({ role: 'system', content })),
    ...Array.from({ length: 2_046 }, () => ({ role: 'user', content: 'y' })),
  ]);
  expect(performance.now() - start).toBeLessThan(3_000);
  expect(others).toEqual([]);
  expect(turn?.content).toBe([long, ...Array.from({ length: 2_046 }, () => 'y')].join('\n\n'));
});

it('joins words, pictures, reasoning and calls of a run', () => {
  const calls = [{ id: '1', name: 'look', arguments: '{}' }];
  const run: readonly ChatMessage[] = [
    { role: 'assistant', content: 'a', reasoning: 'b' },
    { role: 'assistant', content: 'c', parts: [{ text: 'c' }, { picture: 'p' }] },
    { role: 'assistant', content: 'd', reasoning: 'e', calls },
  ];
  const said = {
    ...{ role: 'assistant', content: 'a\n\nc\n\nd', reasoning: 'b\n\ne' },
    parts: [{ text: 'a' }, { text: '\n\n' }, { text: 'c' }, { picture: 'p' }, { text: '\n\n' }, { text: 'd' }],
  };
  const first = { role: 'user', content: '' };
  expect(toPlainTurns(run)).toEqual([first, said]);
  expect(toCallTurns(run)).toEqual([first, { ...said, calls }]);
  expect(toCallTurns([...run, { role: 'assistant', content: 'f' }])).toHaveLength(3);
});

it('finds the family of a hostile template in time', () => {
  const start = performance.now();
  expect(findFamilyText('<|start|>'.repeat(100_000))).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(3_000);
  expect(findFamilyText('<|start|>\n<|message|>')).toContain('<|message|>');
});
