import { API_FIELDS } from '@ogong/protocol/modality/api-fields';
import { type FieldRule, type FieldRules, OTHERS } from '@ogong/protocol/modality/shared/field-rules';
import { ANSWER_FIELDS } from '@ogong/protocol/modality/text/fields/answer-fields';

const HEAD = `# Fields

Generated from the tables that gateway and local mode use (\`node scripts/run.mjs scripts/generated.ts\`). One rule decides about each field of a request, in every API and in every object:

| a field | effect |
|---|---|
| works | it has its documented effect |
| is ignored | by its documentation it changes no answer |
| is dropped | the response header \`x-ogong-ignored\` names it |
| is refused | status 400 with the reason: it would change the answer's meaning |

The column *changes the answer* says whether an answer without the field would be another answer. No ignored or dropped field has a yes.


- A field that no table names is dropped. Where a table has a row for other fields, that row decides.
- An unknown field of the object \`ogong\` is refused: an ignored demand would be a broken promise ([demands](../spec/request.md#demands)).
- Null counts as absent. A dropped or refused field has no effect with a value that asks for nothing, such as \`false\` or an empty list.
- A tool that is no function of the client is dropped as a whole: the model is not offered it. If \`tool_choice\` demands such a tool, the request is refused.
- Content other than text is refused, except pictures of the user or a tool, calls of tools, and their results.
- A picture is a data URL, or an address with \`http:\` or \`https:\`. Gateway and local mode fetch it from the public internet and order its bytes ([addresses](../spec/media.md#addresses)).
- The fields of Ollama's API are those of [local mode](local-mode.md#ollama).
`;

/** docs/reference/fields.md */
export function formatFieldsPage(): string {
  const sections = Object.entries(API_FIELDS).flatMap(([api, tables]) => [
    `## ${api}\n`,
    ...Object.entries(tables).map(([name, rules]) => `### ${name}\n\n${formatRules(rules)}`),
  ]);
  return [HEAD, ...sections].join('\n');
}

export function formatRules(rules: FieldRules): string {
  const rows = Object.entries(rules).map(([field, rule]) => {
    const [effect, why] = explainRule(rule);
    const name = field === OTHERS ? 'other fields' : `\`${field}\``;
    return `| ${name} | ${effect} | ${effect === 'works' && ANSWER_FIELDS.has(field) ? 'yes' : CHANGES[effect]} | ${why.replaceAll('|', '\\|')} |\n`;
  });
  return rows.length === 0
    ? 'No fields.\n'
    : `| field | | changes the answer | why |\n|---|---|---|---|\n${rows.join('')}`;
}

type Effect = 'works' | 'ignored' | 'dropped' | 'refused';

/** Whether an answer without the field would be another answer, by the field's effect. */
const CHANGES: Readonly<Record<Effect, string>> = {
  works: 'as documented',
  ignored: 'no',
  dropped: 'no',
  refused: 'yes',
};

function explainRule(rule: FieldRule): readonly [effect: Effect, why: string] {
  if (typeof rule === 'string') return [rule, ''];
  return 'refused' in rule ? ['refused', rule.refused] : ['dropped', rule.dropped];
}
