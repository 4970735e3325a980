select alert, subject, since, message from engine.alert
union all
select alert, subject, since, message from engine.connection_alert
order by since, subject
