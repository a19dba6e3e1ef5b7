/** Templates that render otherwise than jinja2 renders them, each with the reason. */
export const KNOWN_DIFFERENCES: Readonly<Record<string, string>> = {};
