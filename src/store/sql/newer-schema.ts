/** The database was migrated by a newer release of this program: it is left alone. */
export class NewerSchema extends Error {
  constructor(found: number, known: number) {
    super(
      `The database has schema version ${found}, but this xjp-gateway knows only ${known}. Run the newer release; this one changes nothing.`,
    )
    this.name = 'NewerSchema'
  }
}
