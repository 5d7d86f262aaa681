/** Times as kubectl prints them: how long ago, in two or three figures. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/**
 * `duration.HumanDuration` of k8s.io/apimachinery/pkg/util/duration/duration.go.
 * @param {number} seconds
 * @returns {string}
 */
export function humanDuration(seconds) {
  const whole = Math.trunc(seconds);
  if (whole < -1) return "<invalid>";
  if (whole < 2 * MINUTE) return `${Math.max(whole, 0)}s`;
  if (whole < 10 * MINUTE) return two(Math.floor(whole / MINUTE), "m", whole % MINUTE, "s");
  if (whole < 3 * HOUR) return `${Math.floor(whole / MINUTE)}m`;
  const hours = Math.floor(whole / HOUR);
  if (hours < 8) return two(hours, "h", Math.floor(whole / MINUTE) % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 2 * 365) return `${days}d`;
  if (days < 8 * 365) return two(Math.floor(days / 365), "y", days % 365, "d");
  return `${Math.floor(days / 365)}y`;
}

/**
 * @param {number} large @param {string} largeUnit @param {number} small @param {string} smallUnit
 * @returns {string}
 */
function two(large, largeUnit, small, smallUnit) {
  return small ? `${large}${largeUnit}${small}${smallUnit}` : `${large}${largeUnit}`;
}

/**
 * Milliseconds of a time of RFC 3339; 0 where it is none.
 * @param {unknown} value
 * @returns {number}
 */
export function moment(value) {
  return (typeof value === "string" && Date.parse(value)) || 0;
}

/**
 * How long ago a moment was, in milliseconds as `moment` gives them.
 * @param {number} at
 * @returns {string}
 */
export function ago(at) {
  return at ? humanDuration((Date.now() - at) / 1000) : "<unknown>";
}
