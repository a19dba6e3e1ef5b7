import { type RunOptions, runSteps, type Step } from './steps.ts';

interface NamedStepsOptions extends Omit<RunOptions, 'behind'> {
  /** Added to the usage. */
  readonly note?: string;
}

/** Runs the steps that the command line names, or all of them; `--help` and `--list` run none. */
export async function runNamedSteps(
  title: string,
  steps: Readonly<Record<string, Step>>,
  { note, ...options }: NamedStepsOptions = {},
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
    const more = note === undefined ? '' : `, and ${note}`;
    console.log(
      `usage: npm run ${title} [-- ${Object.keys(steps).join(' | ')} ...]\nWithout a name, all of them run, in this order${more}. --list says what each is.`,
    );
    process.exit(asked.includes('--help') ? 0 : 2);
  }
  const names = asked.length > 0 ? asked : Object.keys(steps);
  await runSteps(
    title,
    names.map((name) => steps[name] as Step),
    options,
  );
}
