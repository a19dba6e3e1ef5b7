/** Returns the day of a time in ISO 8601, UTC. */
export const toDay = (time: string): string => time.slice(0, 10);
