import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
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
