import { setTimeout as delay } from 'node:timers/promises';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, duration } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { toPrintable } from '@ogong/protocol/base/printable';
import { drawTop } from './draw-top.ts';
import { findDaemons, readFrom, type WatchedDaemon, watchFields } from './find-daemons.ts';
import { parseMetrics } from './metrics-text.ts';
import { type DaemonReading, summarize } from './summary.ts';

const config = defineConfig({
  name: 'ogong top',
  summary:
    "Shows the work of a network's daemons: requests, queues, audits, verdicts, money, errors, and the load of each process.\n" +
    'Reads their metrics, and changes nothing. Ends with Ctrl-C; with --once it shows one picture and exits with 0 if all answer.',
  fields: {
    ...watchFields,
    interval: { schema: duration, default: '2s', description: 'pause between two readings' },
    once: { schema: boolean, boolean: true, description: 'one picture, of two readings' },
    json: { ...jsonField, description: 'print pictures as JSON, one a line; with --once one object' },
  },
  examples: [
    'ogong top',
    'ogong top --once --json',
    'ogong top --at gateway=127.0.0.1:9464 --at provider=127.0.0.1:9465',
  ],
});

/** Clears the screen and goes to its top. */
const CLEAR = '\u001b[2J\u001b[H';

export const topCommand: Command = {
  name: 'top',
  summary: "present work of a network's daemons",
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { at, meshDir, interval, once = false, json = false } = parsed.values;
    const find = (): readonly WatchedDaemon[] => findDaemons(config.definition.name, { at, meshDir });
    let before = await Promise.all(find().map(read));
    const ending = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
    for (;;) {
      await delay(interval, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return once ? EXIT.interrupted : EXIT.ok;
      // Anew each time: daemons of a mesh that were started again have other addresses.
      const now = await Promise.all(find().map(read));
      const report = summarize(now, before);
      if (once) return showOnce(report, json, output);
      if (json) output.write(`${JSON.stringify(report)}\n`);
      else process.stdout.write(CLEAR + toPrintable(drawTop(report)));
      before = now;
    }
  },
};

function showOnce(report: ReturnType<typeof summarize>, json: boolean, output: Output): number {
  if (json) printJson(output, report);
  else output.write(drawTop(report));
  return report.daemons.every(({ isUp }) => isUp) ? EXIT.ok : EXIT.temporary;
}

async function read(daemon: WatchedDaemon): Promise<DaemonReading> {
  const { name } = daemon;
  try {
    const samples = parseMetrics(await readFrom(daemon, '/metrics'));
    return { name, atMs: systemClock.nowMs(), samples };
  } catch (error) {
    return { name, atMs: systemClock.nowMs(), samples: [], problem: explain(error) };
  }
}

/** The message of `fetch` is "fetch failed"; its cause gives the reason. */
function explain(error: unknown): string {
  const { message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
  return cause?.code ?? message;
}
