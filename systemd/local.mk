# systemd/: units for hosts, one a stage
UNITS = \
	systemd/portolan-admin.service \
	systemd/portolan-envoy.service \
	systemd/portolan-passwords.service \
	systemd/portolan-recorder.service \
	systemd/portolan-translator.service \
	systemd/portolan-watcher.service \
	systemd/portolan-xds-server.service
systemdsystemunit_DATA = $(UNITS) systemd/portolan.target
EXTRA_DIST += $(UNITS:=.in) systemd/portolan.target systemd/portolan.sysusers \
	systemd/portolan.tmpfiles
CLEANFILES += $(UNITS)

$(UNITS): Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && sed \
		-e 's|@bindir[@]|$(bindir)|g' \
		-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' \
		$(top_srcdir)/$@.in > $@.new && mv $@.new $@
systemd/portolan-admin.service: systemd/portolan-admin.service.in
systemd/portolan-envoy.service: systemd/portolan-envoy.service.in
systemd/portolan-passwords.service: systemd/portolan-passwords.service.in
systemd/portolan-recorder.service: systemd/portolan-recorder.service.in
systemd/portolan-translator.service: systemd/portolan-translator.service.in
systemd/portolan-watcher.service: systemd/portolan-watcher.service.in
systemd/portolan-xds-server.service: systemd/portolan-xds-server.service.in

# Under the names that systemd-sysusers(8) and systemd-tmpfiles(8) expect.
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(sysusersdir)
	$(INSTALL_DATA) $(top_srcdir)/systemd/portolan.sysusers $(DESTDIR)$(sysusersdir)/portolan.conf
	$(MKDIR_P) $(DESTDIR)$(tmpfilesdir)
	$(INSTALL_DATA) $(top_srcdir)/systemd/portolan.tmpfiles $(DESTDIR)$(tmpfilesdir)/portolan.conf

uninstall-local:
	rm -f $(DESTDIR)$(sysusersdir)/portolan.conf $(DESTDIR)$(tmpfilesdir)/portolan.conf
