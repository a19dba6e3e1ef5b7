import { runSteps, type Step } from './steps.ts';

interface NamedStepsOptions {
  /** By the name of a step: those that run at the same time, one after the other, as far as they are asked for with it. */
  readonly beside?: Readonly<Record<string, readonly string[]>>;
  /** Added to the usage. */
  readonly note?: string;
  /** Called after the last step, or the one that failed. */
  readonly onEnd?: () => void;
}

/** Runs the steps that the command line names, or all of them; `--help` and `--list` run none. */
export async function runNamedSteps(
  title: string,
  steps: Readonly<Record<string, Step>>,
  { beside = {}, note, onEnd = () => undefined }: NamedStepsOptions = {},
): Promise<void> {
  const asked = process.argv.slice(2);
  if (asked.includes('--list')) {
    const width = Math.max(...Object.keys(steps).map((name) => name.length));
    for (const [name, step] of Object.entries(steps)) console.log(`${name.padEnd(width)}  ${step.name}`);
    process.exit(0);
  }
  const unknown = asked.filter((name) => !Object.hasOwn(steps, name));
  if (asked.includes('--help') || unknown.length > 0) {
    if (unknown.length > 0 && !asked.includes('--help')) console.error(`unknown part: ${unknown.join(', ')}`);
    const command = title === 'test' ? 'npm test' : `npm run ${title}`;
    const more = note === undefined ? '' : `, and ${note}`;
    console.log(
      `usage: ${command} [-- ${Object.keys(steps).join(' | ')} ...]\nWithout a name, all of them run, in this order${more}. --list says what each is.`,
    );
    process.exit(asked.includes('--help') ? 0 : 2);
  }
  const names = asked.length > 0 ? asked : Object.keys(steps);
  const follows = new Set(names.flatMap((name) => beside[name] ?? []));
  const chosen = names
    .filter((name) => !follows.has(name))
    .map((name) => {
      const others = (beside[name] ?? []).filter((each) => names.includes(each));
      return { ...(steps[name] as Step), beside: others.map((each) => steps[each] as Step) };
    });
  await runSteps(title, chosen, onEnd);
}
