/** Decimal strings of money as integers in the currency's minor unit, without ever being floats. */

/** ISO 4217, list one: currencies whose minor unit is not a hundredth. */
const digits: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'
      .split(' ')
      .map((currency) => [currency, 0]),
  ),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((currency) => [currency, 3])),
};
const digitsDefault = 2;

/**
 * @param text such as `-12.5`; digits behind the minor unit must be zeros
 * @returns undefined for what is no amount, or none that a safe integer holds
 */
export function minorUnits(text: string, currency: string): number | undefined {
  const match = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  const places = digits[currency] ?? digitsDefault;
  if (/[^0]/.test(fraction.slice(places))) return undefined;
  const units = Number(`${whole}${fraction.slice(0, places).padEnd(places, '0')}`);
  if (!Number.isSafeInteger(units)) return undefined;
  return sign === '-' && units !== 0 ? -units : units;
}
