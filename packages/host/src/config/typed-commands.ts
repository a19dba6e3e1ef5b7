/** `ogong model pull`, but not `ogong ask:`, which only names the speaker. */
const COMMAND =
  /\b(ogong(?:-(?:provider|verifierd|validatord|routerd|relayd|gatewayd|signerd))?) (?=(?:--)?[a-z]+\b(?!:))/g;

type Environment = Readonly<Record<string, string | undefined>>;

const isThroughNpm = (env: Environment): boolean => env.npm_lifecycle_event?.startsWith('ogong') === true;

/** Names commands as they are typed where the program was started: in a clone, through npm. */
export function nameAsTyped(text: string, env: Environment): string {
  return isThroughNpm(env) ? text.replace(COMMAND, 'npm run $1 -- ') : text;
}

/**
 * Ends a help text, which names commands as an installed program has them.
 * @returns nothing if they are typed so.
 */
export const explainTyping = (program: string, env: Environment): string =>
  isThroughNpm(env) ? `\nIn a clone, type: npm run ${program} -- ...\n` : '';
