/** The bundler imports such a file as text. */
declare module '*.sql' {
  const text: string
  export default text
}
