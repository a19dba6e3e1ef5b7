import { defineConfig } from '@ogong/host/config/define-config';
import { hex } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toPrintable } from '@ogong/protocol/base/printable';
import { findDaemons, watchFields } from './find-daemons.ts';
import { type LifeStep, type ReplyLife, readReplyLife } from './reply-life.ts';

const config = defineConfig({
  name: 'ogong logs',
  summary:
    "Shows one reply's life: the steps of each daemon, their times and results. Daemons remember the steps of\n" +
    'their newest 1,000 replies, without any text. Log lines of a mesh that name the reply follow. Exits with 0 if a daemon\n' +
    'knows the reply, 1 if none does.',
  fields: {
    ...watchFields,
    reply: {
      schema: hex(16),
      label: '<id>',
      required: true,
      description: 'the id of the reply, 32 hexadecimal digits',
    },
    json: { ...jsonField, description: 'print the result as JSON' },
  },
  examples: [
    'ogong logs --reply 0123456789abcdef0123456789abcdef',
    'ogong logs --reply 0123456789abcdef0123456789abcdef --at gateway=127.0.0.1:9464 --at validator=127.0.0.1:9465',
  ],
});

export const logsCommand: Command = {
  name: 'logs',
  summary: "steps of a network's daemons for one reply",
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { at, meshDir, reply, json } = parsed.values;
    const daemons = findDaemons(config.definition.name, { at, meshDir });
    const life = await readReplyLife(daemons, reply);
    if (json) printJson(output, life);
    else output.write(toPrintable(formatLife(life)));
    if (life.silent.length > 0) output.writeError(`ogong logs: no answer of ${life.silent.join(', ')}\n`);
    return life.steps.length + life.lines.length > 0 ? EXIT.ok : 1;
  },
};

export function formatLife({ replyId, steps, lines }: ReplyLife): string {
  const [first] = steps;
  if (first === undefined && lines.length === 0) {
    return `no daemon knows ${replyId}: it is older than what they remember, or they were started again since\n`;
  }
  const width = Math.max(...steps.map(({ daemon }) => daemon.length), 0);
  const nameWidth = Math.max(...steps.map(({ name }) => name.length), 0);
  const describe = ({ daemon, name, startMs, endMs, failure, attributes }: LifeStep): string => {
    const at = `+${startMs - (first as LifeStep).startMs} ms`.padStart(10);
    const took = endMs > startMs ? `${endMs - startMs} ms` : '';
    const how = failure === undefined ? '' : `FAILED: ${failure}`;
    const about = Object.entries(attributes).map(([key, value]) => `${key.replace(/^(ogong|gen_ai)\./, '')}=${value}`);
    return [at, daemon.padEnd(width), name.padEnd(nameWidth), took.padStart(9), how, ...about]
      .filter(Boolean)
      .join('  ');
  };
  const begun = first && `reply ${replyId}, since ${new Date(first.startMs).toISOString()}`;
  return [begun, ...steps.map(describe), ...lines.map(({ daemon, line }) => `${daemon}: ${line}`), '']
    .filter((line) => line !== undefined)
    .join('\n');
}
