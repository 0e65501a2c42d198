package origins

// EntriesEdit says what EditEntries did with the entries that it was given.
type EntriesEdit struct {
	Added, Removed []string
	// Unchanged are those to add that were listed already, and those to remove that
	// were not listed.
	Unchanged []string
}

// Changes reports whether the edit changes anything.
func (e *EntriesEdit) Changes() bool { return len(e.Added)+len(e.Removed) > 0 }

// EditEntries returns a list of entries without those to remove and then with those to
// add, in the order of the list. It compares canonical forms: an entry to remove removes
// all of its form, and an entry whose form is listed is not added. Entries are added as
// they are written. An invalid entry has no other form. It changes none of the slices.
func EditEntries(listed, add, remove []string) (after []string, edit EntriesEdit) {
	found := map[string]bool{} // by the form to remove
	for _, entry := range remove {
		found[canonicalForm(entry)] = false
	}
	known := map[string]bool{}
	for _, entry := range listed {
		form := canonicalForm(entry)
		if _, removes := found[form]; removes {
			found[form] = true
			continue
		}
		known[form] = true
		after = append(after, entry)
	}
	for _, entry := range remove {
		if found[canonicalForm(entry)] {
			edit.Removed = append(edit.Removed, entry)
		} else {
			edit.Unchanged = append(edit.Unchanged, entry)
		}
	}
	for _, entry := range add {
		form := canonicalForm(entry)
		if known[form] {
			edit.Unchanged = append(edit.Unchanged, entry)
			continue
		}
		known[form] = true
		after, edit.Added = append(after, entry), append(edit.Added, entry)
	}
	return after, edit
}

// canonicalForm returns the entry itself if it is invalid. No valid one has that form.
func canonicalForm(entry string) string {
	if canonical, err := HostedPatterns.ParseEntry(entry); err == nil {
		return canonical
	}
	return entry
}
