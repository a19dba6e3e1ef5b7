import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { createSearchIndex } from '@ogong/hub/search/search-index';
import { formatTable } from '@ogong/provider/commands/format';
import { refreshModels } from './known-models.ts';
import { openHub } from './open-hub.ts';

export const searchConfig = defineConfig({
  name: 'ogong hub search',
  examples: ['ogong hub search small apache --deployment deployment.json'],
  summary:
    'Finds models on the chain by words of their names, and of licence, notes and README where this machine has seen them.\n' +
    'A model must have all words. Exits with 65 if none has.',
  fields: {
    ...chainFields,
    ...modelsDirField,
    limit: { schema: integer({ min: 1, max: 1_000 }), default: '20', description: 'most models to show' },
    json: jsonField,
  },
  positionals: { label: '<words>', min: 1, max: 16 },
});

export async function searchHub(argv: readonly string[], output: Output): Promise<number> {
  const parsed = searchConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const entries = await refreshModels(await openHub('ogong hub search', values));
  const found = createSearchIndex(entries).search(positionals.join(' '), values.limit);
  const rows = found.map(({ maker, model, card }) => ({ name: `${maker}/${model}`, ...card }));
  if (values.json) printJson(output, { known: entries.length, models: rows });
  else if (rows.length === 0) output.writeError(`none of ${entries.length} models has all of these words\n`);
  else
    output.write(
      formatTable(
        ['model', 'version', 'licence', 'notes'],
        rows.map(({ name, version = '', licence = '', text = '' }) => [name, version, licence, firstLine(text)]),
      ),
    );
  return rows.length === 0 ? EXIT.data : EXIT.ok;
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 60);
